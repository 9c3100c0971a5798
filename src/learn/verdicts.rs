//! What a method said of the series it was not trained on: the only thing that evaluation needs of it.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::folds::{self, Fold};
use super::prepare::{Prepared, Set};
use crate::error::{Error, Result};
use crate::model::stream::Said;
use crate::model::tensors::Tensors;

/// Verdicts of all series but the training ones.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdicts {
    /// Hash of the data set.
    pub data_hash: String,
    /// Hash of the split: which lineages were not trained on.
    pub split_hash: String,
    /// One entry per series.
    pub series: Vec<Spoken>,
}

/// One series.
#[derive(Debug, Clone, PartialEq)]
pub struct Spoken {
    /// Position in the prepared set.
    pub series: usize,
    /// Name of the run, to check that.
    pub run: String,
    /// Its interface.
    pub interface: usize,
    /// One per judged frame.
    pub said: Vec<Said>,
}

#[derive(Serialize, Deserialize)]
struct Index {
    data_hash: String,
    split_hash: String,
    series: Vec<(usize, String, usize, usize)>,
}

impl Verdicts {
    /// Asks for every series that is not for training.
    ///
    /// # Errors
    /// What `say` returns.
    pub fn of(
        set: &Set,
        folds: &[Fold],
        say: &mut dyn FnMut(usize, &Prepared) -> Result<Vec<Said>>,
    ) -> Result<Self> {
        let mut series = Vec::new();
        for (k, one) in
            set.series.iter().enumerate().filter(|(k, _)| !matches!(folds[*k], Fold::Train | Fold::Unused))
        {
            let said = say(k, one)?;
            series.push(Spoken { series: k, run: one.run.clone(), interface: one.interface, said });
        }
        let split_hash = folds::hash(set.series.iter().map(|s| s.lineage.as_str()), folds);
        Ok(Self { data_hash: set.hash.clone(), split_hash, series })
    }

    /// Writes them.
    ///
    /// # Errors
    /// [`Error::File`] when that fails.
    pub fn write(&self, path: &Path) -> Result<()> {
        let said = || self.series.iter().flat_map(|s| &s.said);
        let count = said().count();
        let classes = said().next().map_or(0, |s| s.states.len());
        let mut tensors = Tensors::default();
        tensors.insert("states", &[count, classes], said().flat_map(|s| s.states.iter().copied()).collect());
        tensors.insert("warning", &[count], said().map(|s| s.warning).collect());
        let index = Index {
            data_hash: self.data_hash.clone(),
            split_hash: self.split_hash.clone(),
            series: self
                .series
                .iter()
                .map(|s| (s.series, s.run.clone(), s.interface, s.said.len()))
                .collect(),
        };
        let text = serde_json::to_string(&index).map_err(|error| Error::file(path, error))?;
        tensors.write(path, &BTreeMap::from([("verdicts".to_owned(), text)]))
    }

    /// Reads them.
    ///
    /// # Errors
    /// [`Error::File`] when the file is none of verdicts.
    pub fn read(path: &Path) -> Result<Self> {
        let (tensors, metadata) = Tensors::read(path)?;
        let text = metadata.get("verdicts").ok_or_else(|| Error::file(path, "not a file of verdicts"))?;
        let index: Index =
            serde_json::from_str(text).map_err(|error| Error::file(path, format!("{error}: train again")))?;
        let warning = tensors.list("warning").map_err(|error| Error::file(path, error))?;
        let count: usize = index.series.iter().map(|s| s.3).sum();
        let states = tensors.0.get("states").filter(|s| s.shape.len() == 2 && s.shape[0] == count);
        let (Some(states), true) = (states, warning.len() == count) else {
            return Err(Error::file(path, "verdicts and their index disagree"));
        };
        let classes = states.shape[1];
        let mut at = 0;
        let series = index
            .series
            .into_iter()
            .map(|(series, run, interface, length)| {
                let said = (at..at + length)
                    .map(|row| Said {
                        states: states.data[row * classes..(row + 1) * classes].to_vec(),
                        warning: warning[row],
                    })
                    .collect();
                at += length;
                Spoken { series, run, interface, said }
            })
            .collect();
        Ok(Self { data_hash: index.data_hash, split_hash: index.split_hash, series })
    }
}
