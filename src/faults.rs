//! Deliberate faults for the fault tests; compiled to nothing without the feature `faults`.

/// Panics when `FORESHOCK_FAULT` is `place:sample:rank` of this very call.
#[cfg(feature = "faults")]
pub fn strike(place: &str, sample: u64, rank: usize) {
    if std::env::var("FORESHOCK_FAULT").is_ok_and(|fault| fault == format!("{place}:{sample}:{rank}")) {
        panic!("deliberate fault in {place}");
    }
}

/// Does nothing.
#[cfg(not(feature = "faults"))]
#[inline]
pub fn strike(_place: &str, _sample: u64, _rank: usize) {}
