//! One run from its inputs to its finished folder, or to quarantine.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use super::folder::{Folder, sync};
use super::identity::{Files, Inputs, Programs, sha256, specification, take_in};
use super::plan::{Planned, Start};
use super::process;
use super::record::{Record, SCHEMA, StageCost, Status};
use super::schema::{Campaign, Scalar};
use crate::error::{Error, Result};
use crate::interface::{self, Built, Spec};
use crate::potential::table;

/// The cell's data file in a run's folder.
pub const DATA: &str = "interface.data";
/// The table of the oxide potential.
const PEDONE: &str = "pedone.table";
/// Ends of all logs, kept.
pub const TAIL: &str = "log.tail";
/// Lines of each log that are kept.
const TAIL_LINES: usize = 40;
/// Lines of the last log in the message of a failure.
const MESSAGE_LINES: usize = 5;
/// Effort of the compression: half a second for a stream of 60 ps.
const ZSTD_LEVEL: i32 = 12;

/// How LAMMPS is started.
#[derive(Debug, Clone)]
pub struct Launch {
    /// Program and words before LAMMPS's own: a guard that ends LAMMPS with us, `nice`, `lmp`.
    pub words: Vec<OsString>,
    /// Environment.
    pub env: Vec<(OsString, OsString)>,
}

/// What all runs of a campaign have in common.
#[derive(Debug)]
pub struct Workshop<'a> {
    /// The campaign.
    pub campaign: &'a Campaign,
    /// Where its runs go.
    pub folder: &'a Folder,
    /// Its files.
    pub files: &'a Files,
    /// Programs.
    pub programs: &'a Programs,
    /// How LAMMPS is started.
    pub launch: &'a Launch,
    /// Set when all work is to end.
    pub stop: &'a AtomicBool,
}

/// A run with its name.
#[derive(Debug, Clone)]
pub struct Job {
    /// Name of its folder.
    pub id: String,
    /// The run.
    pub run: Planned,
    /// Its inputs.
    pub inputs: Inputs,
}

/// How a run ended.
#[derive(Debug)]
pub enum Outcome {
    /// In `runs/`.
    Finished(Box<Record>),
    /// In `failed/`.
    Failed(Box<Record>),
    /// Left nothing: the stop flag was set.
    Stopped,
}

/// What went wrong in a run, as opposed to the campaign.
enum Fault {
    Stopped,
    Run(String),
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Run(error.to_string())
    }
}

impl Workshop<'_> {
    /// Does a run, from its inputs, whatever an earlier attempt left.
    ///
    /// # Errors
    /// The campaign's own folder cannot be written. A run that fails is an [`Outcome`].
    pub fn execute(&self, job: &Job) -> Result<Outcome> {
        let work = self.folder.work().join(&job.id);
        self.folder.clear(&work)?;
        std::fs::create_dir_all(&work).map_err(|error| Error::file(&work, error))?;
        let mut costs = Vec::new();
        let result = self.attempt(job, &work, &mut costs);
        let mut record = Record {
            schema: SCHEMA,
            id: job.id.clone(),
            campaign: self.campaign.name.clone(),
            key: job.run.key.clone(),
            condition: job.run.condition.clone(),
            columns: job.run.columns.clone(),
            status: Status::Finished,
            message: None,
            hash: job.inputs.hash(),
            inputs: job.inputs.clone(),
            programs: self.programs.clone(),
            // Not `sum`, which is -0 where no stage has begun.
            cpu_seconds: costs
                .iter()
                .fold(0.0, |sum, cost: &StageCost| sum + cost.cpu_seconds.unwrap_or(0.0)),
            wall_seconds: costs.iter().fold(0.0, |sum, cost| sum + cost.wall_seconds),
            stages: costs,
            outputs: BTreeMap::new(),
        };
        match result {
            Err(Fault::Stopped) => {
                self.folder.clear(&work)?;
                Ok(Outcome::Stopped)
            }
            Err(Fault::Run(message)) => {
                record.status = Status::Failed;
                record.message = Some(message);
                self.keep_tail(&work)?;
                record.write(&work)?;
                self.folder.move_to(&work, &self.folder.failed().join(&job.id))?;
                Ok(Outcome::Failed(Box::new(record)))
            }
            Ok(()) => {
                record.outputs = self.hash_outputs(job, &work)?;
                self.keep_tail(&work)?;
                self.tidy(&work)?;
                record.write(&work)?;
                sync(&work)?;
                self.folder.move_to(&work, &self.folder.runs().join(&job.id))?;
                Ok(Outcome::Finished(Box::new(record)))
            }
        }
    }

    fn attempt(&self, job: &Job, work: &Path, costs: &mut Vec<StageCost>) -> std::result::Result<(), Fault> {
        self.prepare(job, work)?;
        for stage in &self.campaign.stages {
            if self.stop.load(Ordering::Relaxed) {
                return Err(Fault::Stopped);
            }
            let mut command = self.command(job, &stage.name);
            let script = format!("in.{}", stage.name);
            let content = self.files.get(&self.campaign.folder.join(&stage.input))?;
            write(&work.join(&script), &content.bytes)?;
            let screen = work.join(format!("screen.{}", stage.name));
            let output = std::fs::File::create(&screen).map_err(|error| Error::file(&screen, error))?;
            let errors = output.try_clone().map_err(|error| Error::file(&screen, error))?;
            command.current_dir(work).stdin(Stdio::null()).stdout(output).stderr(errors);
            let start = Instant::now();
            let ended = process::run(command, self.stop)
                .map_err(|error| Fault::Run(format!("stage {}: cannot run LAMMPS: {error}", stage.name)))?;
            costs.push(StageCost {
                name: stage.name.clone(),
                cpu_seconds: ended.cpu_seconds,
                wall_seconds: start.elapsed().as_secs_f64(),
            });
            if ended.stopped || (!ended.status.success() && self.stop.load(Ordering::Relaxed)) {
                return Err(Fault::Stopped);
            }
            if !ended.status.success() {
                let log = tail(&screen, MESSAGE_LINES);
                return Err(Fault::Run(format!("stage {}: {}:\n{log}", stage.name, ended.status)));
            }
        }
        for file in &self.campaign.keep {
            if !work.join(file).is_file() {
                return Err(Fault::Run(format!("no stage has written {file}, which is to be kept")));
            }
        }
        Ok(())
    }

    /// Puts everything that the input scripts read into the run's folder.
    fn prepare(&self, job: &Job, work: &Path) -> std::result::Result<(), Fault> {
        for (name, path) in &job.run.files {
            write(&work.join(name), &self.files.get(path)?.bytes)?;
        }
        let built = match &job.run.start {
            Start::Script => None,
            Start::Data(path) => {
                write(&work.join(DATA), &self.files.get(path)?.bytes)?;
                None
            }
            Start::Interface(path, _) => Some(self.build(job, path, work)?),
        };
        if self.campaign.pedone {
            let Some(built) = &built else {
                return Err(Fault::Run("pedone: expected a cell built from an interface".to_owned()));
            };
            let elements: Vec<String> = built.table_elements().iter().map(ToString::to_string).collect();
            let text = table::pedone(&elements, table::DEFAULT_POINTS)?;
            write(&work.join(PEDONE), text.as_bytes())?;
        }
        Ok(())
    }

    /// Builds the cell in the run's folder, from the specification as it is written there. Files that the
    /// specification names are copied, each into a folder of its own, whatever their paths are: a run
    /// writes nowhere but into its folder.
    fn build(&self, job: &Job, path: &Path, work: &Path) -> Result<Built> {
        let mut spec = specification(&job.run, self.files)?;
        for (to, from) in take_in(&mut spec, path)? {
            let to = work.join(to);
            std::fs::create_dir_all(to.parent().unwrap_or(work)).map_err(|error| Error::file(&to, error))?;
            write(&to, &self.files.get(&from)?.bytes)?;
        }
        let copy = work.join("interface.yaml");
        let text = serde_yaml::to_string(&spec).map_err(|error| Error::file(path, error))?;
        write(&copy, text.as_bytes())?;
        let built = interface::build(&Spec::read(&copy)?)?;
        built.write(work)?;
        Ok(built)
    }

    fn command(&self, job: &Job, stage: &str) -> Command {
        let words = &self.launch.words;
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).envs(self.launch.env.iter().map(|(name, value)| (name, value)));
        command.args(["-in", &format!("in.{stage}"), "-log", &format!("log.{stage}")]);
        command.args(&self.campaign.lammps);
        for (name, value) in &job.run.variables {
            command.args(["-var", name]).arg(Scalar::to_string(value));
        }
        command
    }

    fn hash_outputs(&self, job: &Job, work: &Path) -> Result<BTreeMap<String, String>> {
        let mut hashes = BTreeMap::new();
        for name in self.folder.names(work)? {
            let input = job.run.files.contains_key(&name) || name.starts_with("in.");
            let noise = name.starts_with("log.") || name.starts_with("screen.");
            let path = work.join(&name);
            if input || noise || !path.is_file() {
                continue;
            }
            let bytes = std::fs::read(&path).map_err(|error| Error::file(&path, error))?;
            hashes.insert(name, sha256(&bytes));
        }
        Ok(hashes)
    }

    /// Ends of all logs in one file.
    fn keep_tail(&self, work: &Path) -> Result<()> {
        let mut text = String::new();
        for stage in &self.campaign.stages {
            for kind in ["log", "screen"] {
                let path = work.join(format!("{kind}.{}", stage.name));
                if path.is_file() {
                    text.push_str(&format!("==> {kind}.{}\n{}\n", stage.name, tail(&path, TAIL_LINES)));
                }
            }
        }
        write(&work.join(TAIL), text.as_bytes())
    }

    /// Deletes what is not to be kept, compresses what is to be compressed, brings all to the disk.
    fn tidy(&self, work: &Path) -> Result<()> {
        for name in self.folder.names(work)? {
            let path = work.join(&name);
            if self.campaign.compress.contains(&name) {
                compress(&path)?;
            } else if name == TAIL || self.campaign.keep.contains(&name) {
                sync(&path)?;
                continue;
            }
            let removed =
                if path.is_dir() { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) };
            removed.map_err(|error| Error::file(&path, error))?;
        }
        let packed = |name: &String| self.campaign.compress.contains(name);
        for name in &self.campaign.keep {
            let kept = work.join(if packed(name) { format!("{name}.zst") } else { name.clone() });
            if !kept.is_file() {
                return Err(Error::file(&kept, "the file is to be kept, but is gone"));
            }
        }
        Ok(())
    }
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    std::fs::write(path, bytes).map_err(|error| Error::file(path, error))
}

/// Writes `path.zst`; the original stays.
fn compress(path: &Path) -> Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(".zst");
    let packed = PathBuf::from(name);
    let fail = |error: std::io::Error| Error::file(&packed, error);
    let input = std::fs::File::open(path).map_err(fail)?;
    let output = std::fs::File::create(&packed).map_err(fail)?;
    zstd::stream::copy_encode(std::io::BufReader::new(input), &output, ZSTD_LEVEL).map_err(fail)?;
    output.sync_all().map_err(fail)
}

/// The last lines of a text file; nothing where it cannot be read.
fn tail(path: &Path, lines: usize) -> String {
    let bytes = std::fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::super::plan::plan;
    use super::*;
    use crate::interface::prototype;

    const CAMPAIGN: &str = "
name: test
stages: [{name: go, input: in.go}]
keep: [stream.jsonl, interface.yaml]
factors: {cell: {levels: {a: {interface: cells/a.yaml}}}}
runs: [{role: train, cell: a, seeds: 1}]
";

    /// A campaign in `root/campaign` whose cell is read from `root/POSCAR`, and a shell command as LAMMPS.
    fn execute(root: &Path, command: &str) -> Outcome {
        let dir = root.join("campaign");
        std::fs::create_dir_all(dir.join("cells")).expect("creates");
        let crystal = prototype("Li2O").expect("there");
        let [a, b, c] = crystal.vectors.map(|v| v.map(|x| x.to_string()).join(" "));
        let mut poscar = format!("Li2O\n1\n{a}\n{b}\n{c}\nLi O\n8 4\nDirect\n");
        for element in ["Li", "O"] {
            for site in crystal.sites.iter().filter(|site| site.element == element) {
                poscar.push_str(&format!("{}\n", site.fractional.map(|x| x.to_string()).join(" ")));
            }
        }
        let spec = "schema: 1\nside_a: {file: ../../POSCAR, repeat: [3, 3, 1]}\n\
                    side_b: {prototype: Li2O, repeat: [3, 3, 1]}\ngap: 2.2\n";
        for (path, text) in [
            (root.join("POSCAR"), poscar.as_str()),
            (dir.join("cells/a.yaml"), spec),
            (dir.join("in.go"), "run 1\n"),
            (dir.join("campaign.yaml"), CAMPAIGN),
        ] {
            std::fs::write(path, text).expect("writes");
        }
        let campaign = Campaign::read(&dir.join("campaign.yaml")).expect("valid");
        let programs = Programs { foreshock: "0".into(), lammps: "1".into(), plugin: "2".into() };
        let files = Files::default();
        let run = plan(&campaign).expect("valid").remove(0);
        let inputs = Inputs::collect(&campaign, &run, &files, &programs).expect("readable");
        let job = Job { id: inputs.folder(&run), run, inputs };
        let folder = Folder::new(&root.join("out"));
        let _lock = folder.lock().expect("free");
        let launch =
            Launch { words: ["sh", "-c", command, "lmp"].map(OsString::from).to_vec(), env: Vec::new() };
        let stop = AtomicBool::new(false);
        let workshop = Workshop {
            campaign: &campaign,
            folder: &folder,
            files: &files,
            programs: &programs,
            launch: &launch,
            stop: &stop,
        };
        let outcome = workshop.execute(&job).expect("the folder is ours");
        assert!(folder.names(&folder.work()).expect("readable").is_empty(), "all is moved");
        let mut around = folder.names(root).expect("readable").into_iter();
        assert!(around.by_ref().eq(["POSCAR", "campaign", "out"]), "a run writes into its folder only");
        outcome
    }

    #[test]
    fn a_crystal_beside_the_campaign_is_copied_into_the_run() {
        let root = tempfile::tempdir().expect("temporary folder");
        let outcome = execute(root.path(), "cp interface.data stream.jsonl && test -f crystal-0/POSCAR");
        let Outcome::Finished(record) = outcome else { panic!("{outcome:?}") };
        let run = root.path().join("out/runs").join(&record.id);
        let spec = std::fs::read_to_string(run.join("interface.yaml")).expect("kept");
        assert!(spec.contains("file: crystal-0/POSCAR"), "{spec}");
        let names = Folder::new(root.path()).names(&run).expect("readable");
        assert!(names.iter().eq(["interface.yaml", "log.tail", "run.json", "stream.jsonl"]), "{names:?}");
    }

    #[test]
    fn a_run_that_leaves_out_what_is_to_be_kept_has_failed() {
        let root = tempfile::tempdir().expect("temporary folder");
        let outcome = execute(root.path(), "exit 0");
        let Outcome::Failed(record) = outcome else { panic!("{outcome:?}") };
        assert!(record.message.is_some_and(|message| message.contains("stream.jsonl, which is to be kept")));
    }
}
