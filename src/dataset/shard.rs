//! A shard: one folder of a data set, whole or no shard at all.
//!
//! `shard-NNN` holds frames, events and runs. One that has lost a file is refused: without its table of
//! runs every run would be a lineage of its own and replicas would fall into different folds. Its
//! `manifest.json` has the SHA-256 of each file and is checked whenever the shard is read.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::series::{FRAMES, RUNS, hex};
use crate::error::{Error, Result};

/// File of the label-only events of a shard.
pub const EVENTS: &str = "events.parquet";
/// File with the hashes of the others.
pub const MANIFEST: &str = "manifest.json";
/// What every shard holds.
pub const FILES: [&str; 3] = [FRAMES, EVENTS, RUNS];

/// Version of the manifest's schema.
const SCHEMA: u32 = 1;

/// SHA-256 of a shard's files, by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    schema: u32,
    sha256: BTreeMap<String, String>,
}

/// Number of a shard's folder; none for other names, a half-written `shard-NNN.part` included.
pub(super) fn number(path: &Path) -> Option<usize> {
    let digits = path.file_name()?.to_str()?.strip_prefix("shard-")?;
    digits.parse().ok().filter(|_| path.is_dir())
}

/// Folders of the shards of a data set, in order.
///
/// # Errors
/// [`Error::File`] when the folder cannot be read, or a shard has lost a file.
pub fn shards(data: &Path) -> Result<Vec<PathBuf>> {
    let mut shards: Vec<PathBuf> = std::fs::read_dir(data)
        .map_err(|error| Error::file(data, error))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| number(path).is_some())
        .collect();
    shards.sort();
    shards.iter().try_for_each(|shard| check_whole(shard))?;
    Ok(shards)
}

/// Refuses a shard that has lost a file.
fn check_whole(shard: &Path) -> Result<()> {
    match FILES.iter().find(|name| !shard.join(name).is_file()) {
        None => Ok(()),
        Some(missing) => {
            let message = format!("the shard has no {missing}: expected {}", FILES.join(", "));
            Err(Error::file(shard, message))
        }
    }
}

/// Checks that a shard is whole and that its files are those that were written.
///
/// # Errors
/// [`Error::File`] naming the file that is missing or another one.
pub fn verify(shard: &Path) -> Result<()> {
    check_whole(shard)?;
    let path = shard.join(MANIFEST);
    let text = std::fs::read_to_string(&path).map_err(|error| Error::file(&path, error))?;
    let manifest: Manifest = serde_json::from_str(&text).map_err(|error| Error::file(&path, error))?;
    if manifest.schema != SCHEMA {
        return Err(Error::file(&path, format!("schema = '{}': expected {SCHEMA}", manifest.schema)));
    }
    for (name, found) in &hashes(shard)? {
        let stated = manifest.sha256.get(name).map_or("none", String::as_str);
        if stated != found {
            let message = format!("sha256 = '{found}': expected {stated}, of the shard's {MANIFEST}");
            return Err(Error::file(shard.join(name), message));
        }
    }
    Ok(())
}

/// Writes the manifest of a shard whose files are all written.
///
/// # Errors
/// [`Error::File`] when a file cannot be read or the manifest not be written.
pub(super) fn seal(shard: &Path) -> Result<()> {
    let path = shard.join(MANIFEST);
    let manifest = Manifest { schema: SCHEMA, sha256: hashes(shard)? };
    let text = serde_json::to_string_pretty(&manifest).map_err(|error| Error::file(&path, error))?;
    std::fs::write(&path, text + "\n").map_err(|error| Error::file(&path, error))
}

fn hashes(shard: &Path) -> Result<BTreeMap<String, String>> {
    FILES
        .iter()
        .map(|name| {
            let path = shard.join(name);
            let bytes = std::fs::read(&path).map_err(|error| Error::file(&path, error))?;
            Ok(((*name).to_owned(), hex(&Sha256::digest(&bytes))))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shard(root: &Path) -> PathBuf {
        let shard = root.join("shard-000");
        std::fs::create_dir(&shard).expect("creates");
        FILES.iter().for_each(|name| std::fs::write(shard.join(name), name).expect("writes"));
        shard
    }

    #[test]
    fn a_shard_that_lost_a_file_is_refused() {
        for missing in FILES {
            let folder = tempfile::tempdir().expect("temporary folder");
            let shard = shard(folder.path());
            assert_eq!(shards(folder.path()).expect("whole"), [shard.as_path()]);
            std::fs::remove_file(shard.join(missing)).expect("there");
            let message = shards(folder.path()).expect_err(missing).to_string();
            assert!(message.contains("shard-000") && message.contains(&format!("no {missing}")), "{message}");
        }
    }

    #[test]
    fn a_file_that_the_manifest_does_not_know_is_refused() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let shard = shard(folder.path());
        assert!(verify(&shard).expect_err("not sealed").to_string().contains(MANIFEST));
        seal(&shard).expect("writes");
        verify(&shard).expect("as written");
        std::fs::write(shard.join(EVENTS), "of another shard").expect("writes");
        let message = verify(&shard).expect_err("changed").to_string();
        assert!(message.contains(EVENTS) && message.contains(MANIFEST), "{message}");
    }

    #[test]
    fn half_written_shards_and_files_are_none() {
        let folder = tempfile::tempdir().expect("temporary folder");
        std::fs::create_dir(folder.path().join("shard-000.part")).expect("creates");
        std::fs::create_dir(folder.path().join("other")).expect("creates");
        std::fs::write(folder.path().join("shard-001"), "a file").expect("writes");
        assert!(shards(folder.path()).expect("reads").is_empty());
    }
}
