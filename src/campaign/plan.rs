//! From a campaign file to its list of runs: levels resolved, names given, order decided.

use std::collections::BTreeMap;
use std::path::PathBuf;

use sha2::{Digest as _, Sha256};

use super::schema::{Block, Campaign, Factor, Level, Scalar, Values, plain_name};
use crate::error::{Error, Result};

/// LAMMPS variables that the campaign sets itself.
pub const OWN_VARIABLES: [&str; 2] = ["seed", "velocities"];

/// Where a run's atoms come from.
#[derive(Debug, Clone, PartialEq)]
pub enum Start {
    /// A cell to build: its specification and the values to put into it, by dotted path.
    Interface(PathBuf, BTreeMap<String, serde_yaml::Value>),
    /// A finished data file.
    Data(PathBuf),
    /// The input script makes them.
    Script,
}

/// One run to be done.
#[derive(Debug, Clone)]
pub struct Planned {
    /// Readable name: levels, seed, replica.
    pub key: String,
    /// Name of the condition: the levels alone.
    pub condition: String,
    /// Name of what shares the start: the key without the replica; of runs that start from a data file the
    /// path of that file, which they share over conditions and seeds.
    pub lineage: String,
    /// What the run is for.
    pub role: String,
    /// Number of the lineage within its condition.
    pub seed: u32,
    /// Number of the velocities; 0 is the parent.
    pub replica: u32,
    /// Its row of the condition table, `role`, `seed`, `replica` and `lineage` included.
    pub columns: Values,
    /// Its LAMMPS variables, `seed` and `velocities` included.
    pub variables: Values,
    /// Its atoms.
    pub start: Start,
    /// Files to copy into its folder, by name.
    pub files: BTreeMap<String, PathBuf>,
    round: usize,
}

/// All runs of a campaign in the order in which they are done: first the first seed of every
/// condition, then the second, and so on, so that an interrupted campaign covers all conditions.
///
/// # Errors
/// [`Error::Input`] when the parts of the campaign do not fit together; the message names them.
pub fn plan(campaign: &Campaign) -> Result<Vec<Planned>> {
    let mut runs = Vec::new();
    for block in &campaign.runs {
        for name in block.levels.keys() {
            if !campaign.factors.iter().any(|(known, _)| known == name) {
                let known: Vec<&str> = campaign.factors.iter().map(|(name, _)| name.as_str()).collect();
                let expected = format!("a key of a block or a factor ({})", known.join(", "));
                return Err(Error::input("runs", name, expected));
            }
        }
        for levels in combinations(campaign, block)? {
            let pairs = block.seeds.0.iter().flat_map(|s| block.replicas.0.iter().map(move |r| (*s, *r)));
            for (k, (seed, replica)) in pairs.enumerate() {
                runs.push(resolve(campaign, block, &levels, seed, replica, block.round + k)?);
            }
        }
    }
    check(&runs)?;
    // Stable: within a round, blocks stay in the order of the file.
    runs.sort_by_key(|run| run.round);
    Ok(runs)
}

/// All combinations of a block's levels that it does not exclude, by factor in the campaign's order.
fn combinations(campaign: &Campaign, block: &Block) -> Result<Vec<Vec<Scalar>>> {
    let mut all: Vec<Vec<Scalar>> = vec![Vec::new()];
    for (name, factor) in &campaign.factors {
        let levels = block.levels.get(name).map(super::schema::OneOrMany::values).unwrap_or_default();
        if levels.is_empty() {
            let expected = "at least one level in every block";
            return Err(Error::input(format!("runs role {}: {name}", block.role), "", expected));
        }
        for level in levels {
            level_of(name, factor, level)?;
        }
        all = all
            .iter()
            .flat_map(|head| {
                levels.iter().map(move |level| [head.as_slice(), std::slice::from_ref(level)].concat())
            })
            .collect();
    }
    for entry in &block.exclude {
        let before = all.len();
        all.retain(|levels| {
            let has = |(name, level): (&String, &super::schema::OneOrMany)| {
                let at = campaign.factors.iter().position(|(known, _)| known == name);
                at.is_some_and(|at| level.values().contains(&levels[at]))
            };
            !entry.iter().all(has)
        });
        if all.len() == before {
            let value = entry.keys().cloned().collect::<Vec<_>>().join(", ");
            return Err(Error::input(
                "runs exclude",
                value,
                "levels of at least one combination of the block",
            ));
        }
    }
    Ok(all)
}

fn resolve(
    campaign: &Campaign,
    block: &Block,
    levels: &[Scalar],
    seed: u32,
    replica: u32,
    round: usize,
) -> Result<Planned> {
    let mut sum = campaign.common.clone();
    let mut labels = Vec::new();
    for ((name, factor), value) in campaign.factors.iter().zip(levels) {
        let label = format!("{}{value}", factor.prefix);
        plain_name(&format!("level of {name}"), &label)?;
        labels.push(label);
        add(&mut sum, level_of(name, factor, value)?);
    }
    let extra =
        Level { variables: block.variables.clone(), columns: block.columns.clone(), ..Level::default() };
    add(&mut sum, extra);

    let condition = labels.join("-");
    let parent = format!("{condition}-s{seed}");
    let key = if replica == 0 { parent.clone() } else { format!("{parent}-r{replica}") };

    if let Some(name) = OWN_VARIABLES.iter().find(|name| sum.variables.contains_key(**name)) {
        return Err(Error::input("variables", name, "another name: the campaign sets this one itself"));
    }
    sum.variables.insert("seed".into(), Scalar::Int(random_seed(&parent)));
    // Also the parent draws new velocities, so that it differs from its replicas in nothing else.
    sum.variables.insert("velocities".into(), Scalar::Int(random_seed(&format!("{parent}-r{replica}"))));

    let lineage = match &sum.data {
        Some(data) => data.display().to_string(),
        None => parent.clone(),
    };
    let own = [("role", Scalar::Text(block.role.clone())), ("lineage", Scalar::Text(lineage.clone()))];
    let own = own
        .into_iter()
        .chain([("seed", Scalar::Int(i64::from(seed))), ("replica", Scalar::Int(i64::from(replica)))]);
    for (name, value) in own {
        if sum.columns.insert(name.to_owned(), value).is_some() {
            return Err(Error::input("columns", name, "another name: the campaign sets this one itself"));
        }
    }

    let start = match (sum.interface, sum.data) {
        (Some(spec), None) => {
            sum.spec.insert("seed".into(), random_seed(&parent).into());
            Start::Interface(campaign.folder.join(spec), sum.spec)
        }
        (None, Some(data)) => Start::Data(campaign.folder.join(data)),
        (None, None) => Start::Script,
        (Some(spec), Some(_)) => {
            return Err(Error::input("interface", spec.display(), "either interface or data, not both"));
        }
    };
    let mut files = BTreeMap::new();
    for file in sum.files {
        let name = file.file_name().map(|name| name.to_string_lossy().into_owned());
        let name = name.ok_or_else(|| Error::input("files", file.display(), "a file"))?;
        files.insert(name, campaign.folder.join(&file));
    }
    for name in &campaign.potentials {
        let Some(folder) = &campaign.potentials_folder else {
            let expected = "a folder of potentials with LAMMPS, or LAMMPS_POTENTIALS set";
            return Err(Error::input("potentials", name, expected));
        };
        files.insert(name.clone(), folder.join(name));
    }
    Ok(Planned {
        key,
        condition,
        lineage,
        role: block.role.clone(),
        seed,
        replica,
        columns: sum.columns,
        variables: sum.variables,
        start,
        files,
        round,
    })
}

fn level_of(name: &str, factor: &Factor, value: &Scalar) -> Result<Level> {
    if !factor.levels.is_empty() {
        return factor.levels.get(&value.to_string()).cloned().ok_or_else(|| {
            let known: Vec<&str> = factor.levels.keys().map(String::as_str).collect();
            Error::input(format!("level of {name}"), value, known.join(", "))
        });
    }
    let mut level = Level::default();
    if let Some(variable) = &factor.variable {
        level.variables.insert(variable.clone(), value.clone());
    }
    if let Some(column) = &factor.column {
        level.columns.insert(column.clone(), value.clone());
    }
    if let Some(path) = &factor.spec {
        let value =
            serde_yaml::to_value(value).map_err(|error| Error::input(name, value, error.to_string()))?;
        level.spec.insert(path.clone(), value);
    }
    Ok(level)
}

/// What comes later wins.
fn add(sum: &mut Level, level: Level) {
    if level.interface.is_some() || level.data.is_some() {
        sum.interface = level.interface;
        sum.data = level.data;
    }
    sum.spec.extend(level.spec);
    sum.variables.extend(level.variables);
    sum.columns.extend(level.columns);
    sum.files.extend(level.files);
}

/// A seed for LAMMPS or a build, from 1 to 9e8, that depends on the name alone: no two lineages
/// share a start because they share a small number.
fn random_seed(name: &str) -> i64 {
    let hash = Sha256::digest(name.as_bytes());
    let number = u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]]);
    1 + i64::from(number % 900_000_000)
}

/// Every run once, and the same columns for all.
fn check(runs: &[Planned]) -> Result<()> {
    let Some(first) = runs.first() else {
        return Err(Error::input("runs", "[]", "at least one run"));
    };
    let mut seen: BTreeMap<&str, &str> = BTreeMap::new();
    for run in runs {
        if let Some(role) = seen.insert(&run.key, &run.role) {
            let expected = format!("every condition and seed once: roles {role} and {}", run.role);
            return Err(Error::input("runs", &run.key, expected));
        }
        let missing = first.columns.keys().find(|name| !run.columns.contains_key(*name));
        let more = run.columns.keys().find(|name| !first.columns.contains_key(*name));
        if let Some(name) = missing.or(more) {
            let expected = format!("in all runs or in none; {} and {} differ", first.key, run.key);
            return Err(Error::input("columns", name, expected));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "
name: test
stages: [{name: go, input: in.go}]
keep: [stream.jsonl]
common: {columns: {family: oxide}, variables: {steps: 100}}
factors:
  cell:
    levels:
      b: {data: b.data, columns: {system: b}}
      a: {data: a.data, columns: {system: a}}
  temperature: {variable: temperature, column: temperature_k, prefix: T}
runs:
  - {role: train, cell: [b, a], temperature: [900, 1000], seeds: 1..2, exclude: [{cell: a, temperature: 900}]}
  - {role: replica, cell: a, temperature: 1000, seeds: 1, replicas: [1, 2], round: 2, variables: {steps: 200}}
";

    fn made(text: &str) -> Result<Vec<Planned>> {
        let campaign: Campaign = serde_yaml::from_str(text).expect("valid YAML");
        plan(&campaign)
    }

    #[test]
    fn first_seeds_of_all_conditions_come_first() {
        let runs = made(FILE).expect("valid");
        let keys: Vec<&str> = runs.iter().map(|run| run.key.as_str()).collect();
        assert_eq!(
            keys,
            [
                "b-T900-s1",
                "b-T1000-s1",
                "a-T1000-s1",
                "b-T900-s2",
                "b-T1000-s2",
                "a-T1000-s2",
                "a-T1000-s1-r1",
                "a-T1000-s1-r2",
            ]
        );
        let replica = &runs[6];
        // Its start is that of all runs from this file, whatever their seeds and temperatures.
        assert_eq!(replica.lineage, "a.data");
        assert!(runs.iter().all(|run| (run.lineage == "a.data") == run.key.starts_with("a-")));
        let built = made(&FILE.replace("data: b.data", "interface: b.yaml")).expect("valid");
        assert_eq!(built[3].lineage, "b-T900-s2");
        assert_eq!(built[3].columns["lineage"], Scalar::Text("b-T900-s2".into()));
        assert_eq!(replica.variables["steps"], Scalar::Int(200));
        assert_eq!(replica.variables["temperature"], Scalar::Int(1000));
        assert_eq!(replica.columns["system"], Scalar::Text("a".into()));
        assert_eq!(replica.start, Start::Data("a.data".into()));
    }

    #[test]
    fn replicas_share_the_start_and_nothing_else_does() {
        let runs = made(FILE).expect("valid");
        let get = |key: &str, name: &str| {
            let run = runs.iter().find(|run| run.key == key).expect("planned");
            run.variables[name].clone()
        };
        assert_eq!(get("a-T1000-s1", "seed"), get("a-T1000-s1-r1", "seed"));
        assert_ne!(get("a-T1000-s1", "velocities"), get("a-T1000-s1-r1", "velocities"));
        assert_ne!(get("a-T1000-s1", "seed"), get("a-T1000-s2", "seed"));
        assert_ne!(get("a-T1000-s1", "seed"), get("b-T1000-s1", "seed"), "same number, other condition");
    }

    #[test]
    fn what_does_not_fit_is_named() {
        for (from, to, part) in [
            ("temperature: 1000", "temperatur: 1000", "temperatur"),
            ("cell: [b, a]", "cell: [b, c]", "level of cell = 'c': expected a, b"),
            ("cell: a, temperature: 900", "cell: a, temperature: 800", "exclude"),
            ("columns: {system: b}", "columns: {sys: b}", "in all runs or in none"),
            ("replicas: [1, 2]", "replicas: [0]", "a-T1000-s1': expected every condition and seed once"),
            ("steps: 100", "seed: 100", "variables = 'seed'"),
            ("steps: 200", "velocities: 200", "variables = 'velocities'"),
            ("family: oxide", "role: oxide", "columns = 'role'"),
            ("data: b.data", "data: b.data, interface: b.yaml", "not both"),
            ("prefix: T", "prefix: a/", "level of temperature"),
        ] {
            assert!(FILE.contains(from), "{from}");
            let message = made(&FILE.replace(from, to)).expect_err(to).to_string();
            assert!(message.contains(part), "{to}: {message}");
        }
    }
}
