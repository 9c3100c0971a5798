//! Labels: from the label-only events of whole runs to states, outcomes and onset times.
//!
//! Enters: [`Event`]s that the fix recorded beside the frames, and a [`Rule`]. Leaves: [`Onsets`] per
//! interface, kept as [`Labels`]. Everything here looks ahead in time; nothing of it is an input of a
//! model. See `docs/labels.md` for the definitions and the reasons for the thresholds.

pub mod count;
pub mod decide;
pub mod event;
pub mod labels;
pub mod rule;
pub mod sensitivity;
pub mod source;

pub use count::Count;
pub use decide::{Onsets, Outcome};
pub use event::Event;
pub use labels::{Label, Labels, Origin};
pub use rule::Rule;
