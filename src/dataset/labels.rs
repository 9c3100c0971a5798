//! Labels of data sets as their readers need them: put on the very data that they were made from, and the
//! horizon of their rule.

use std::path::Path;

use super::feature::Feature;
use super::read;
use super::series::{Series, Table};
use super::shard;
use super::target::Horizon;
use crate::error::{Error, Result};
use crate::onset::labels::{LABELS, Labels, Origin};
use crate::onset::{Rule, event};

/// The data that labels of a data set are made from, by hashes: frames and events.
///
/// # Errors
/// [`Error::File`] when the data set cannot be read.
pub fn origin(data: &Path) -> Result<Origin> {
    let table = read::unlabelled(data)?;
    Ok(Origin { content_sha256: table.content_hash(), events_sha256: events_hash(data)? })
}

fn events_hash(data: &Path) -> Result<String> {
    let mut all = std::collections::BTreeMap::new();
    for shard in shard::shards(data)? {
        all.extend(event::read(&shard.join(shard::EVENTS))?);
    }
    Ok(event::hash(&all))
}

/// Puts the labels of a data set on its series; false where it has none.
pub(super) fn apply(data: &Path, features: &[Feature], series: &mut [Series]) -> Result<bool> {
    let path = data.join(LABELS);
    if !(data.is_dir() && path.is_file()) {
        return Ok(false);
    }
    let labels = Labels::read(&path)?;
    let bare: Vec<Series> =
        series.iter().map(|one| Series { state: vec![None; one.state.len()], ..one.clone() }).collect();
    let table = Table::new(features.to_vec(), Vec::new(), bare).map_err(|error| Error::file(data, error))?;
    let here = Origin { content_sha256: table.content_hash(), events_sha256: events_hash(data)? };
    labels
        .check_origin(&here)
        .and_then(|()| labels.apply(series))
        .map_err(|error| Error::file(&path, error))?;
    Ok(true)
}

/// Rules of the labels of all data sets at a path, one per data set that has labels.
///
/// # Errors
/// [`Error::File`] when there is no data set or its labels cannot be read.
pub fn rules(path: &Path) -> Result<Vec<Rule>> {
    let mut rules = Vec::new();
    for data in read::data_sets(path)? {
        let file = data.join(LABELS);
        if file.is_file() {
            rules.push(Labels::read(&file)?.rule);
        }
    }
    Ok(rules)
}

/// The horizon that the labels at a path were made for; none where nothing there has labels of a rule.
///
/// # Errors
/// [`Error::File`] as [`rules`], and when two data sets were labelled for different horizons.
pub fn horizon(path: &Path) -> Result<Option<Horizon>> {
    let rules = rules(path)?;
    let Some(first) = rules.first() else {
        return Ok(None);
    };
    match rules.iter().find(|rule| rule.horizon != first.horizon) {
        None => Ok(Some(first.horizon)),
        Some(other) => {
            let message = format!(
                "labels by rule '{}' for {}, but by rule '{}' for {}: expected one horizon",
                first.name, first.horizon, other.name, other.horizon
            );
            Err(Error::file(path, message))
        }
    }
}

/// Refuses a horizon that is not the one of the labels at a path: what a warning is asked for would not be
/// what the labels were frozen with. Tables that have no rule take any.
///
/// # Errors
/// [`Error::Input`] naming the horizon and that of the labels; as [`horizon`].
pub fn check_horizon(path: &Path, asked: &Horizon) -> Result<()> {
    match horizon(path)? {
        Some(own) if own != *asked => Err(Error::input(
            "horizon",
            asked,
            format!("{own}, of the rule that labelled {}", path.display()),
        )),
        _ => Ok(()),
    }
}
