//! Watching runs through their streams, while they are written or afterwards.
//!
//! Enters: files that running fixes append to, local or on a shared file system; nothing connects to
//! the machine that computes. Leaves: [`RunView`]s for the terminal, the page and the report. The path:
//! [`tail::Tail`] gives new lines, [`Follower`] makes a view of them, [`Fleet`] looks after many.
//! Everything here reads a bounded amount per look and keeps a bounded amount per run, whatever the
//! stream holds.

pub mod drivers;
pub mod fleet;
pub mod follower;
pub mod history;
pub mod json;
pub mod rate;
pub mod show;
pub mod tail;
pub mod text;
pub mod view;

pub use fleet::Fleet;
pub use follower::{Follower, Status};
pub use view::RunView;
