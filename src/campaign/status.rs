//! What is done and what is not.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Serialize;

use super::execute::Job;
use super::folder::Folder;
use super::identity::{Files, Inputs, Programs};
use super::plan::plan;
use super::record::{RECORD, Record, Status};
use super::schema::Campaign;
use crate::error::Result;

/// How many runs of a condition stand where.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ConditionCount {
    /// Name of the condition.
    pub condition: String,
    /// What its runs are for.
    pub role: String,
    /// Finished, here or elsewhere.
    pub done: usize,
    /// Being run now.
    pub running: usize,
    /// In quarantine.
    pub failed: usize,
    /// Not begun, or to begin again.
    pub todo: usize,
    /// CPU hours of the finished ones.
    pub core_hours: f64,
}

/// The state of a campaign.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Overview {
    /// By condition and role, in the order of the plan.
    pub conditions: Vec<ConditionCount>,
    /// Folders in `runs/` that belong to other inputs than the campaign has now.
    pub others: Vec<String>,
    /// Folders in `runs/` that are no finished run, and why.
    pub damaged: BTreeMap<String, String>,
    /// Finished runs whose role or columns the campaign states otherwise now.
    pub relabelled: Vec<String>,
    /// Failed runs with their messages.
    pub failures: BTreeMap<String, String>,
    /// Different plugins that made the finished runs.
    pub plugins: BTreeSet<String>,
    /// CPU hours of all finished runs, also of other inputs.
    pub core_hours: f64,
    /// Whether a process runs the campaign now.
    pub active: bool,
}

impl Overview {
    /// Sum over conditions of one of the counts.
    #[must_use]
    pub fn total(&self, count: impl Fn(&ConditionCount) -> usize) -> usize {
        self.conditions.iter().map(count).sum()
    }
}

/// All runs of a campaign in order, and which of them are still to be done.
#[derive(Debug)]
pub struct Todo {
    /// All runs.
    pub all: Vec<Job>,
    /// Names of those that are finished, here or, by `elsewhere`, on another machine.
    pub done: BTreeSet<String>,
    /// Names of those in quarantine.
    pub failed: BTreeSet<String>,
    /// Names of folders in `runs/` of this campaign that are no finished run, and why; they are made again.
    pub damaged: BTreeMap<String, String>,
    /// Records of finished runs, as they are to be: role and columns are no input of a simulation, so they
    /// can be stated anew without another run.
    pub relabelled: Vec<Record>,
}

impl Todo {
    /// Writes role and columns as the campaign has them now into the records of finished runs.
    ///
    /// # Errors
    /// [`crate::error::Error::File`] when a record cannot be written.
    pub fn refresh(&self, folder: &Folder) -> Result<()> {
        self.relabelled.iter().try_for_each(|record| record.write(&folder.runs().join(&record.id)))
    }
}

/// Makes the plan and compares it with the folder. A run whose name or hash is in `elsewhere` counts
/// as finished, too.
///
/// # Errors
/// The campaign does not fit together, or one of its files cannot be read.
pub fn survey(
    campaign: &Campaign,
    folder: &Folder,
    files: &Files,
    programs: &Programs,
    elsewhere: &BTreeSet<String>,
) -> Result<Todo> {
    let here = folder.names(&folder.runs())?;
    let quarantine = folder.names(&folder.failed())?;
    let mut todo = Todo {
        all: Vec::new(),
        done: BTreeSet::new(),
        failed: BTreeSet::new(),
        damaged: BTreeMap::new(),
        relabelled: Vec::new(),
    };
    for run in plan(campaign)? {
        let inputs = Inputs::collect(campaign, &run, files, programs)?;
        let id = inputs.folder(&run);
        let mut finished = elsewhere.contains(&id) || elsewhere.contains(&inputs.hash());
        if here.contains(&id) {
            match record_of(&folder.runs().join(&id), &inputs.hash()) {
                Ok(record) if record.columns == run.columns => finished = true,
                Ok(record) => {
                    finished = true;
                    todo.relabelled.push(Record { columns: run.columns.clone(), ..record });
                }
                Err(message) => drop(todo.damaged.insert(id.clone(), message)),
            }
        }
        if finished {
            todo.done.insert(id.clone());
        } else if quarantine.contains(&id) {
            todo.failed.insert(id.clone());
        }
        todo.all.push(Job { id, run, inputs });
    }
    Ok(todo)
}

/// The record of a finished run with these inputs, or why there is none.
fn record_of(folder: &Path, hash: &str) -> std::result::Result<Record, String> {
    let record = Record::read(folder).map_err(|error| error.to_string())?;
    if record.status != Status::Finished {
        return Err(format!("{RECORD}: status is not finished"));
    }
    if record.hash != hash {
        return Err(format!(
            "{RECORD}: hash = '{}': expected {hash}, of the inputs that its name tells",
            record.hash
        ));
    }
    Ok(record)
}

/// Counts, from the folder's records.
///
/// # Errors
/// A folder cannot be read. A record that cannot is named in the result.
pub fn overview(todo: &Todo, folder: &Folder) -> Result<Overview> {
    let active = folder.is_locked();
    let running = if active { folder.names(&folder.work())? } else { BTreeSet::new() };
    let mut result = Overview { active, ..Overview::default() };
    let mut records = BTreeMap::new();
    for name in folder.names(&folder.runs())? {
        let record = match Record::read(&folder.runs().join(&name)) {
            Ok(record) => record,
            Err(error) => {
                result.damaged.insert(name, error.to_string());
                continue;
            }
        };
        result.core_hours += record.cpu_seconds / 3600.0;
        result.plugins.insert(record.programs.plugin.clone());
        records.insert(name, record);
    }
    for (name, message) in &todo.damaged {
        // Readable, but no finished run of these inputs: neither done nor of others.
        records.remove(name);
        result.damaged.insert(name.clone(), message.clone());
    }
    result.relabelled = todo.relabelled.iter().map(|record| record.id.clone()).collect();
    let mut place: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for job in &todo.all {
        let key = (job.run.condition.as_str(), job.run.role.as_str());
        let at = *place.entry(key).or_insert_with(|| {
            result.conditions.push(ConditionCount {
                condition: key.0.to_owned(),
                role: key.1.to_owned(),
                ..ConditionCount::default()
            });
            result.conditions.len() - 1
        });
        let count = &mut result.conditions[at];
        if todo.done.contains(&job.id) {
            count.done += 1;
            count.core_hours += records.remove(&job.id).map_or(0.0, |record| record.cpu_seconds / 3600.0);
        } else if running.contains(&job.id) {
            count.running += 1;
        } else if todo.failed.contains(&job.id) {
            count.failed += 1;
            let message = match Record::read(&folder.failed().join(&job.id)) {
                Ok(record) => record.message.unwrap_or_default(),
                Err(error) => error.to_string(),
            };
            result.failures.insert(job.id.clone(), message);
        } else {
            count.todo += 1;
        }
    }
    result.others = records.into_keys().collect();
    Ok(result)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "
name: test
stages: [{name: go, input: in.go}]
keep: [stream.jsonl]
factors: {temperature: {variable: temperature}}
runs: [{role: train, temperature: [900, 1000], seeds: 1}]
";

    /// A campaign's folder with a record for every run of [`FILE`].
    fn made(dir: &Path) -> (Folder, Programs) {
        std::fs::write(dir.join("in.go"), "run 1\n").expect("writes");
        let folder = Folder::new(&dir.join("out"));
        let programs = Programs { foreshock: "0".into(), lammps: "1".into(), plugin: "2".into() };
        for Job { id, run, inputs } in surveyed(dir, FILE, &folder, &programs).all {
            let record = Record {
                schema: super::super::record::SCHEMA,
                id: id.clone(),
                campaign: "test".into(),
                key: run.key,
                condition: run.condition,
                columns: run.columns,
                status: Status::Finished,
                message: None,
                hash: inputs.hash(),
                inputs,
                programs: programs.clone(),
                stages: Vec::new(),
                cpu_seconds: 3600.0,
                wall_seconds: 1.0,
                outputs: BTreeMap::new(),
            };
            let run = folder.runs().join(&id);
            std::fs::create_dir_all(&run).expect("creates");
            record.write(&run).expect("writes");
        }
        (folder, programs)
    }

    fn surveyed(dir: &Path, text: &str, folder: &Folder, programs: &Programs) -> Todo {
        std::fs::write(dir.join("campaign.yaml"), text).expect("writes");
        let campaign = Campaign::read(&dir.join("campaign.yaml")).expect("valid");
        survey(&campaign, folder, &Files::default(), programs, &BTreeSet::new()).expect("readable")
    }

    #[test]
    fn a_new_role_is_written_into_the_record_and_makes_no_other_run() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let (folder, programs) = made(dir.path());
        let text = FILE.replace("role: train", "role: heldout_time");
        let todo = surveyed(dir.path(), &text, &folder, &programs);
        assert_eq!((todo.done.len(), todo.relabelled.len()), (2, 2));
        let before = Record::read(&folder.runs().join(&todo.all[0].id)).expect("reads");
        todo.refresh(&folder).expect("writes");
        let after = Record::read(&folder.runs().join(&todo.all[0].id)).expect("reads");
        assert_eq!(after.columns["role"], super::super::schema::Scalar::Text("heldout_time".into()));
        assert_eq!(after, Record { columns: after.columns.clone(), ..before });
        assert!(surveyed(dir.path(), &text, &folder, &programs).relabelled.is_empty());
    }

    #[test]
    fn a_folder_without_its_record_is_named_and_not_done() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let (folder, programs) = made(dir.path());
        let todo = surveyed(dir.path(), FILE, &folder, &programs);
        assert_eq!((todo.done.len(), todo.damaged.len()), (2, 0));
        let [one, other] = [0, 1].map(|k| folder.runs().join(&todo.all[k].id));
        std::fs::write(one.join(RECORD), "{half").expect("writes");
        let record = Record::read(&other).expect("reads");
        Record { hash: "another".into(), ..record }.write(&other).expect("writes");
        std::fs::create_dir(folder.runs().join("stray")).expect("creates");
        let todo = surveyed(dir.path(), FILE, &folder, &programs);
        assert!(todo.done.is_empty(), "{todo:?}");
        let view = overview(&todo, &folder).expect("counts");
        assert_eq!((view.total(|c| c.todo), view.others.len(), view.damaged.len()), (2, 0, 3));
        assert!(view.damaged[&todo.all[1].id].contains("hash = 'another'"), "{:?}", view.damaged);
    }
}
