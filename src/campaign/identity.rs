//! What a run is made of, and the hash of it that its folder's name ends with.
//!
//! The hash covers the contents of every input: the specification after substitution, input scripts,
//! potentials and other files, variables, the version of LAMMPS, and what decides what the plugin
//! records: Foreshock's version, the stream's schema and the descriptors. The bytes of the plugin
//! itself are written into `run.json` but are not hashed: a build on another machine differs in
//! bytes, and a campaign that moves there must not repeat what it has.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::plan::{Planned, Start};
use super::schema::{Campaign, Values};
use crate::error::{Error, Result};
use crate::registry;

/// Hexadecimal digits of the hash in a folder's name.
const SHORT: usize = 10;

/// A file's contents and their hash.
#[derive(Debug)]
pub struct Content {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// SHA-256, hexadecimal.
    pub sha256: String,
}

impl Content {
    fn new(bytes: Vec<u8>) -> Self {
        let sha256 = sha256(&bytes);
        Self { bytes, sha256 }
    }
}

/// Files read once and kept: a campaign works with what its files held when it started, whatever
/// happens to them while it runs.
#[derive(Debug, Default)]
pub struct Files(Mutex<BTreeMap<PathBuf, Arc<Content>>>);

impl Files {
    /// A file's contents as of the first call.
    ///
    /// # Errors
    /// [`Error::File`] when it cannot be read.
    pub fn get(&self, path: &Path) -> Result<Arc<Content>> {
        let mut known = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(content) = known.get(path) {
            return Ok(Arc::clone(content));
        }
        let bytes = std::fs::read(path).map_err(|error| Error::file(path, error))?;
        let content = Arc::new(Content::new(bytes));
        known.insert(path.to_owned(), Arc::clone(&content));
        Ok(content)
    }
}

/// Programs that make a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Programs {
    /// Version of Foreshock.
    pub foreshock: String,
    /// Version of LAMMPS, as it prints it.
    pub lammps: String,
    /// SHA-256 of the plugin.
    pub plugin: String,
}

/// One input script of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageInput {
    /// Name of the stage.
    pub name: String,
    /// SHA-256 of its script.
    pub sha256: String,
}

/// Everything that the hash covers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Inputs {
    /// The cell's specification after substitution.
    pub interface: Option<serde_json::Value>,
    /// SHA-256 of the data file, where there is one.
    pub data: Option<String>,
    /// SHA-256 of every further file, by name.
    pub files: BTreeMap<String, String>,
    /// Whether the table of the oxide potential is written.
    pub pedone: bool,
    /// Input scripts, in order.
    pub stages: Vec<StageInput>,
    /// LAMMPS variables.
    pub variables: Values,
    /// Further words of the LAMMPS command line.
    pub words: Vec<String>,
    /// Version of LAMMPS.
    pub lammps: String,
    /// Version of Foreshock.
    pub foreshock: String,
    /// Version of the stream's schema.
    pub stream: u32,
    /// SHA-256 over the names of all descriptors, in order.
    pub descriptors: String,
}

impl Inputs {
    /// Inputs of a planned run.
    ///
    /// # Errors
    /// A file cannot be read, or the specification does not take a value.
    pub fn collect(campaign: &Campaign, run: &Planned, files: &Files, programs: &Programs) -> Result<Self> {
        let mut hashes = BTreeMap::new();
        for (name, path) in &run.files {
            hashes.insert(name.clone(), files.get(path)?.sha256.clone());
        }
        let interface = match &run.start {
            Start::Interface(path, _) => {
                let spec = specification(run, files)?;
                // Files that the specification names are read where it stands.
                for (name, path) in named_files(&spec, path) {
                    hashes.insert(name, files.get(&path)?.sha256.clone());
                }
                Some(serde_json::to_value(&spec).map_err(|error| Error::file(path, error))?)
            }
            _ => None,
        };
        let data = match &run.start {
            Start::Data(path) => Some(files.get(path)?.sha256.clone()),
            _ => None,
        };
        let mut stages = Vec::new();
        for stage in &campaign.stages {
            let sha256 = files.get(&campaign.folder.join(&stage.input))?.sha256.clone();
            stages.push(StageInput { name: stage.name.clone(), sha256 });
        }
        Ok(Self {
            interface,
            data,
            files: hashes,
            pedone: campaign.pedone,
            stages,
            variables: run.variables.clone(),
            words: campaign.lammps.clone(),
            lammps: programs.lammps.clone(),
            foreshock: programs.foreshock.clone(),
            stream: crate::stream::schema::VERSION,
            descriptors: sha256(registry::frame_names(true).join("\n").as_bytes()),
        })
    }

    /// SHA-256 over all of it, hexadecimal.
    ///
    /// # Panics
    /// Never: all keys are texts.
    #[must_use]
    pub fn hash(&self) -> String {
        // Fields keep their order and maps are sorted, so equal inputs give equal bytes.
        sha256(&serde_json::to_vec(self).expect("all keys are texts"))
    }

    /// Name of the run's folder: readable, and unlike that of any other inputs.
    #[must_use]
    pub fn folder(&self, run: &Planned) -> String {
        format!("{}-{}", run.key, &self.hash()[..SHORT])
    }
}

/// The cell's specification with the run's values in it.
///
/// # Errors
/// The file is no YAML, or a path leads nowhere.
pub fn specification(run: &Planned, files: &Files) -> Result<serde_yaml::Value> {
    let Start::Interface(path, values) = &run.start else {
        return Ok(serde_yaml::Value::Null);
    };
    let content = files.get(path)?;
    let mut spec = serde_yaml::from_slice(&content.bytes).map_err(|error| Error::file(path, error))?;
    for (at, value) in values {
        put(&mut spec, at, value.clone())?;
    }
    Ok(spec)
}

/// Puts `value` at a dotted path; list entries by their number from 0. Missing keys are added.
fn put(spec: &mut serde_yaml::Value, path: &str, value: serde_yaml::Value) -> Result<()> {
    let mut place = spec;
    for part in path.split('.') {
        place = match place {
            serde_yaml::Value::Sequence(list) => {
                let length = list.len();
                part.parse::<usize>().ok().and_then(|k| list.get_mut(k)).ok_or_else(|| {
                    Error::input("spec", path, format!("at '{part}' a number below {length}"))
                })?
            }
            serde_yaml::Value::Mapping(map) => {
                map.entry(part.into()).or_insert(serde_yaml::Value::Mapping(serde_yaml::Mapping::new()))
            }
            _ => return Err(Error::input("spec", path, format!("a mapping or a list above '{part}'"))),
        };
    }
    *place = value;
    Ok(())
}

/// Files that a specification names: values of keys `file`, relative to the specification.
#[must_use]
pub fn named_files(spec: &serde_yaml::Value, path: &Path) -> Vec<(String, PathBuf)> {
    let mut found = Vec::new();
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut open = vec![spec];
    while let Some(value) = open.pop() {
        match value {
            serde_yaml::Value::Sequence(list) => open.extend(list),
            serde_yaml::Value::Mapping(map) => {
                for (key, value) in map {
                    match (key.as_str(), value.as_str()) {
                        (Some("file"), Some(name)) => found.push((name.to_owned(), folder.join(name))),
                        _ => open.push(value),
                    }
                }
            }
            _ => {}
        }
    }
    found
}

/// Replaces the paths of files that a specification names by `crystal-N/NAME`, N counting from 0, and
/// returns what is to be copied there. Names stay as they are: a file's format is known by its name.
///
/// # Errors
/// [`Error::Input`] when a path has no name.
pub(super) fn take_in(spec: &mut serde_yaml::Value, path: &Path) -> Result<Vec<(PathBuf, PathBuf)>> {
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut found = Vec::new();
    let mut open = vec![spec];
    while let Some(value) = open.pop() {
        match value {
            serde_yaml::Value::Sequence(list) => open.extend(list),
            serde_yaml::Value::Mapping(map) => {
                for (key, value) in map {
                    match (key.as_str(), value.as_str()) {
                        (Some("file"), Some(stated)) => {
                            let from = folder.join(stated);
                            let name = from.file_name().and_then(|name| name.to_str());
                            let name =
                                name.ok_or_else(|| Error::input("file", stated, "the path of a file"))?;
                            let to = format!("crystal-{}/{name}", found.len());
                            *value = to.as_str().into();
                            found.push((PathBuf::from(to), from));
                        }
                        _ => open.push(value),
                    }
                }
            }
            _ => {}
        }
    }
    Ok(found)
}

/// SHA-256 of some bytes, hexadecimal.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Hexadecimal text of a hash.
#[must_use]
pub fn hex(hash: &[u8]) -> String {
    hash.iter().fold(String::with_capacity(2 * hash.len()), |mut text, byte| {
        // A String takes all.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::campaign::plan::plan;

    const FILE: &str = "
name: test
stages: [{name: go, input: in.go}]
keep: [stream.jsonl]
common: {files: [label.yaml]}
factors:
  cell: {levels: {a: {interface: a.yaml, spec: {slabs.1.thickness: 12}}}}
  temperature: {variable: temperature}
runs:
  - {role: train, cell: a, temperature: 1000, seeds: 1}
";

    fn programs() -> Programs {
        Programs { foreshock: "0.1.0".into(), lammps: "22 Jul 2025".into(), plugin: "ab".into() }
    }

    fn hash_in(folder: &Path, text: &str, programs: &Programs) -> Result<String> {
        std::fs::write(folder.join("campaign.yaml"), text).expect("writes");
        let campaign = Campaign::read(&folder.join("campaign.yaml")).expect("valid");
        let run = plan(&campaign).expect("valid").remove(0);
        Ok(Inputs::collect(&campaign, &run, &Files::default(), programs)?.hash())
    }

    #[test]
    fn every_input_changes_the_hash() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("writes");
        let spec = "slabs: [{file: a.cif}, {thickness: 9}]\n";
        for (name, text) in
            [("in.go", "run 1\n"), ("label.yaml", "bonds: []\n"), ("a.yaml", spec), ("a.cif", "cell")]
        {
            write(name, text);
        }
        let hash = |text: &str| hash_in(folder.path(), text, &programs()).expect("readable");
        let mut seen = vec![hash(FILE)];
        assert_eq!(seen[0], hash(FILE), "the same again");
        for (name, text) in [
            ("in.go", "run 2\n"),
            ("label.yaml", "sites: []\n"),
            ("a.yaml", "slabs: [{file: a.cif}, {thickness: 9}]\nzone: 1\n"),
            ("a.cif", "other"),
        ] {
            write(name, text);
            seen.push(hash(FILE));
        }
        seen.push(hash(&FILE.replace("1000", "1001")));
        seen.push(hash(&FILE.replace("thickness: 12", "thickness: 13")));
        seen.push(hash(&FILE.replace("seeds: 1", "seeds: 2")));
        seen.push(hash(&FILE.replace("name: test", "name: test\nlammps: [-sf, omp]")));
        let other = Programs { lammps: "29 Aug 2024".into(), ..programs() };
        seen.push(hash_in(folder.path(), FILE, &other).expect("readable"));
        let count = seen.len();
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), count, "two different inputs have one hash");

        // A thickness that the substitution replaces anyway is no other input.
        let before = hash(FILE);
        write("a.yaml", "slabs: [{file: a.cif}, {thickness: 8}]\nzone: 1\n");
        assert_eq!(hash(FILE), before);
        let rebuilt = Programs { plugin: "cd".into(), ..programs() };
        assert_eq!(hash_in(folder.path(), FILE, &rebuilt).expect("readable"), before);
    }

    #[test]
    fn files_of_a_specification_are_taken_into_the_folder() {
        let text = "a: {file: ../POSCAR}\nb: {file: /far/POSCAR}\nc: [{file: x.cif}]\n";
        let mut spec: serde_yaml::Value = serde_yaml::from_str(text).expect("YAML");
        let mut found = take_in(&mut spec, Path::new("cells/spec.yaml")).expect("names");
        found.sort_by(|a, b| a.1.cmp(&b.1));
        let from: Vec<&Path> = found.iter().map(|(_, from)| from.as_path()).collect();
        assert_eq!(from, ["/far/POSCAR", "cells/../POSCAR", "cells/x.cif"].map(Path::new));
        for (value, at) in [(&spec["b"], 0), (&spec["a"], 1), (&spec["c"][0], 2)] {
            let to = value["file"].as_str().expect("text");
            assert_eq!(Path::new(to), found[at].0);
            assert!(to.starts_with("crystal-") && !to.contains(".."), "{to}");
        }
        assert_ne!(found[0].0, found[1].0);
        assert!(take_in(&mut serde_yaml::from_str("file: ..").expect("YAML"), Path::new("a/b")).is_err());
    }

    #[test]
    fn a_path_that_leads_nowhere_is_named() {
        let mut spec: serde_yaml::Value = serde_yaml::from_str("slabs: [{a: 1}]\nname: x\n").expect("YAML");
        put(&mut spec, "defects.fraction", 2.into()).expect("missing keys are added");
        assert_eq!(spec["defects"]["fraction"], serde_yaml::Value::from(2));
        for (path, part) in [("slabs.3.a", "below 1"), ("name.first", "above 'first'")] {
            let message = put(&mut spec, path, 1.into()).expect_err(path).to_string();
            assert!(message.contains(part), "{message}");
        }
    }
}
