//! What is done and what is not.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::execute::Job;
use super::folder::Folder;
use super::identity::{Files, Inputs, Programs};
use super::plan::plan;
use super::record::Record;
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
    let mut todo = Todo { all: Vec::new(), done: BTreeSet::new(), failed: BTreeSet::new() };
    for run in plan(campaign)? {
        let inputs = Inputs::collect(campaign, &run, files, programs)?;
        let id = inputs.folder(&run);
        if here.contains(&id) || elsewhere.contains(&id) || elsewhere.contains(&inputs.hash()) {
            todo.done.insert(id.clone());
        } else if quarantine.contains(&id) {
            todo.failed.insert(id.clone());
        }
        todo.all.push(Job { id, run, inputs });
    }
    Ok(todo)
}

/// Counts, from the folder's records.
///
/// # Errors
/// A record cannot be read.
pub fn overview(todo: &Todo, folder: &Folder) -> Result<Overview> {
    let active = folder.is_locked();
    let running = if active { folder.names(&folder.work())? } else { BTreeSet::new() };
    let mut result = Overview { active, ..Overview::default() };
    let mut records = BTreeMap::new();
    for name in folder.names(&folder.runs())? {
        let record = Record::read(&folder.runs().join(&name))?;
        result.core_hours += record.cpu_seconds / 3600.0;
        result.plugins.insert(record.programs.plugin.clone());
        records.insert(name, record);
    }
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
            let record = Record::read(&folder.failed().join(&job.id))?;
            result.failures.insert(job.id.clone(), record.message.unwrap_or_default());
        } else {
            count.todo += 1;
        }
    }
    result.others = records.into_keys().collect();
    Ok(result)
}
