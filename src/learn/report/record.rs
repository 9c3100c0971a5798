//! When the test set was looked at: one line per evaluation on it, appended to a file beside the data, so that
//! "touched once" can be checked wherever reports are written to; each report has a copy.

use std::io::Write as _;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::dataset::series::hex;
use crate::error::{Error, Result};
use crate::learn::plan::Plan;

/// Name of the file, beside the data and in the report's folder.
pub const FILE: &str = "test_evaluations.jsonl";

/// One evaluation on the test set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// When, UTC, `2026-01-31T12:00:00Z`.
    pub date: String,
    /// Hash of the data set.
    pub data: String,
    /// Hash of what every lineage is for.
    pub split: String,
    /// Hash of methods, seeds, task and horizon of the plan.
    pub plan: String,
}

impl Evaluation {
    /// One that happens now.
    #[must_use]
    pub fn now(data: &str, split: &str, plan: &Plan) -> Self {
        let parts = serde_json::json!([plan.data.task, plan.data.horizon, plan.seeds, plan.methods]);
        let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        Self {
            date: date(seconds),
            data: data.to_owned(),
            split: split.to_owned(),
            plan: hex(&Sha256::digest(parts.to_string().as_bytes())),
        }
    }

    /// Appends it to the record of a data set, in its folder or beside its file, and gives all that stands
    /// there.
    ///
    /// # Errors
    /// [`Error::File`] when the record cannot be read or written.
    pub fn append(self, data: &Path) -> Result<Vec<Self>> {
        let path = if data.is_dir() { data.join(FILE) } else { data.with_file_name(FILE) };
        let mut all = Vec::new();
        if path.is_file() {
            let text = std::fs::read_to_string(&path).map_err(|error| Error::file(&path, error))?;
            for line in text.lines().filter(|line| !line.is_empty()) {
                all.push(serde_json::from_str(line).map_err(|error| Error::file(&path, error))?);
            }
        }
        let line = serde_json::to_string(&self).map_err(|error| Error::file(&path, error))?;
        let file = std::fs::OpenOptions::new().create(true).append(true).open(&path);
        file.and_then(|mut file| writeln!(file, "{line}")).map_err(|error| Error::file(&path, error))?;
        all.push(self);
        Ok(all)
    }
}

/// Copies the record into a report's folder.
///
/// # Errors
/// [`Error::File`] when it cannot be written.
pub fn copy(all: &[Evaluation], folder: &Path) -> Result<()> {
    let path = folder.join(FILE);
    let lines = all.iter().map(serde_json::to_string).collect::<std::result::Result<Vec<_>, _>>();
    let lines = lines.map_err(|error| Error::file(&path, error))?;
    std::fs::write(&path, lines.join("\n") + "\n").map_err(|error| Error::file(&path, error))
}

/// Date and time of seconds since 1970, UTC (Hinnant's algorithm for the Gregorian calendar).
fn date(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let shifted = days + 719_468;
    let (era, day) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // Months from March on, so that the leap day is the last of a year.
    let from_march = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    format!("{year:04}-{month:02}-{day_of_month:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_of_known_seconds() {
        for (seconds, expected) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_709_251_199, "2024-02-29T23:59:59Z"),
            (1_709_251_200, "2024-03-01T00:00:00Z"),
            (1_798_761_599, "2026-12-31T23:59:59Z"),
        ] {
            assert_eq!(date(seconds), expected);
        }
    }

    #[test]
    fn every_evaluation_is_appended_and_none_is_lost() {
        let folder = tempfile::tempdir().expect("a folder");
        let plan: Plan = serde_yaml::from_str("data: {path: d}\nout: o\nmethods: []\n").expect("a plan");
        let first = Evaluation::now("data", "split", &plan);
        assert_eq!(first.clone().append(folder.path()).expect("written"), std::slice::from_ref(&first));
        let second = Evaluation::now("data", "other", &plan);
        let file = folder.path().join("frames.parquet");
        let all = second.clone().append(&file).expect("written");
        assert_eq!(all, [first, second], "beside a file as in a folder");
        let report = tempfile::tempdir().expect("a folder");
        copy(&all, report.path()).expect("written");
        let text = |folder: &Path| std::fs::read_to_string(folder.join(FILE)).expect("the record");
        assert_eq!(text(report.path()), text(folder.path()));
        std::fs::write(folder.path().join(FILE), "erased\n").expect("written");
        let again = Evaluation::now("data", "split", &plan);
        assert!(again.append(folder.path()).is_err(), "a record that cannot be read is not written over");
    }
}
