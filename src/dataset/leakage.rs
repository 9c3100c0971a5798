//! What would let a model see its test data, looked for whenever a data set is read.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};

use super::series::{Series, hex};
use crate::error::{Error, Result};

/// Refuses a run that is there twice, under one name or two, and a run of two lineages.
///
/// # Errors
/// [`Error::Input`] naming the runs.
pub(super) fn check(series: &[Series]) -> Result<()> {
    let mut names: BTreeMap<(&str, usize), ()> = BTreeMap::new();
    let mut lineages: BTreeMap<&str, &str> = BTreeMap::new();
    let mut frames: BTreeMap<String, &Series> = BTreeMap::new();
    for one in series {
        if names.insert((&one.run, one.interface), ()).is_some() {
            let expected = format!("interface {} of every run once", one.interface);
            return Err(Error::input("run", &one.run, expected));
        }
        if let Some(other) = lineages.insert(&one.run, &one.lineage)
            && other != one.lineage
        {
            let expected = format!("one lineage for all of run {}, not also {other}", one.run);
            return Err(Error::input("lineage", &one.lineage, expected));
        }
        // An interface without a surface from the start has no numbers, as others have none: nothing to see.
        if one.values.iter().all(|value| value.is_nan()) {
            continue;
        }
        let mut hash = Sha256::new();
        one.hash_frames(&mut hash);
        if let Some(other) = frames.insert(hex(&hash.finalize()), one) {
            let expected = format!(
                "other frames than interface {} of run {}: the same frames under two names would be in training and test",
                other.interface, other.run
            );
            return Err(Error::input(format!("run {}, interface", one.run), one.interface, expected));
        }
    }
    Ok(())
}
