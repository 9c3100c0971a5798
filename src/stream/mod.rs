//! The JSONL stream: what a run saw and said, one line at a time.
//!
//! [`schema`] is the only definition of the lines, [`Writer`] appends them from the running fix, and
//! [`Reader`] reads them back, also from a run that was killed in mid-line or continued from a restart.

pub(crate) mod nan;
mod reader;
pub mod schema;
mod writer;

pub use reader::{Damage, Reader};
pub use schema::{Header, Line};
pub use writer::Writer;

#[cfg(test)]
pub(crate) mod tests;
