//! Recorded runs as tables: what training and evaluation read.
//!
//! Enters: Parquet files with one row per frame, and a table of runs beside them. Leaves: a [`Table`] of
//! [`Series`], one per run and interface. Any numeric columns and any class labels will do; what the fix
//! recorded is one case of it. See `docs/dataset.md` for the columns.
//!
//! Label-only quantities are columns with the prefix [`LABEL_PREFIX`]. They are read into the label
//! fields of a [`Series`] and nothing else: a [`Feature`] cannot have such a name.

pub mod columns;
pub mod feature;
pub mod fidelity;
pub mod labels;
mod leakage;
pub mod pack;
mod read;
pub mod recorded;
pub mod series;
pub mod shard;
pub mod split;
pub mod summary;
pub mod target;

pub use crate::window::rounding;
pub use feature::{Feature, LABEL_PREFIX};
pub(crate) use read::META_PREFIX;
pub use series::{Series, Table};

#[cfg(test)]
pub(crate) mod tests;
