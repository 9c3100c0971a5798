//! Campaigns with the real LAMMPS: whatever interrupts one, every run is made once and as if nothing
//! had happened.

mod machine;

use foreshock::campaign::{Campaign, Files, Planned, Start, plan, specification};
use foreshock::interface::{self, Spec};
use foreshock::label::Rules;
use machine::Machine;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant, SystemTime};

/// Three runs of a K | KCl interface of 584 atoms, a second or two each.
const CAMPAIGN: &str = "
name: test
common: {data: k-kcl.data, files: [label.yaml], columns: {family: halide}, variables: {steps: 1500}}
potentials: [ffield.eim]
stages:
  - {name: settle, input: settle.in}
  - {name: produce, input: produce.in}
keep: [stream.jsonl]
factors:
  temperature: {variable: temperature, column: temperature_k, prefix: T}
runs:
  - {role: train, temperature: 250, seeds: 1..2}
  - {role: replica, temperature: 250, seeds: 1, replicas: 1, round: 3}
";

const SETTLE: &str = "
units metal
atom_style atomic
read_data interface.data
pair_style eim
pair_coeff * * K Cl ffield.eim K Cl K
timestep 0.002
velocity all create 500 ${seed}
fix bath all npt temp ${temperature} ${temperature} 0.1 z 0 0 0.5
run 100
write_data settled.data nocoeff
";

const PRODUCE: &str = "
units metal
atom_style atomic
read_data settled.data
group salt type 1 2
group anode type 3
pair_style eim
pair_coeff * * K Cl ffield.eim K Cl K
timestep 0.002
velocity all create ${temperature} ${velocities}
fix bath all npt temp ${temperature} ${temperature} 0.1 z 0 0 0.5
fix w all foreshock 10 salt anode elements K Cl K reference 0.1 baseline 0.2 1 lag 0.1 mode sync &
  label label.yaml record stream.jsonl
run ${steps}
";

/// A campaign and the folder of its runs.
struct Test {
    dir: tempfile::TempDir,
}

impl Test {
    fn new(campaign: &str) -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).expect("writes");
        write("campaign.yaml", campaign);
        write("settle.in", SETTLE);
        write("produce.in", PRODUCE);
        write("label.yaml", "sites:\n  - {type: 2, leave: 1.6, return: 0.8}\n");
        let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/metal-anode/data.k-kcl");
        std::fs::copy(data, dir.path().join("k-kcl.data")).expect("the example's data file");
        Self { dir }
    }

    fn command(&self, output: &str, words: &[&str]) -> Command {
        let machine = Machine::current();
        let mut command = Command::new(env!("CARGO_BIN_EXE_foreshock"));
        command.arg("campaign").args(words).arg("campaign.yaml").args(["-o", output]);
        command.arg("--python").arg(&machine.venv).arg("--plugin").arg(&machine.plugin);
        command.current_dir(self.dir.path()).stdin(Stdio::null());
        command
    }

    fn call(&self, output: &str, words: &[&str]) -> (i32, String) {
        let Output { status, stdout, stderr } = self.command(output, words).output().expect("runs");
        let text = [stdout, stderr].concat();
        (status.code().expect("no signal"), String::from_utf8_lossy(&text).into_owned())
    }

    fn start(&self, output: &str) -> Child {
        let mut command = self.command(output, &["run"]);
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("starts")
    }

    fn names(&self, folder: &str) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(self.dir.path().join(folder)) else { return Vec::new() };
        let mut names: Vec<String> =
            entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    /// Streams of finished runs by name, and when their records were written.
    fn finished(&self, output: &str) -> BTreeMap<String, (Vec<u8>, SystemTime)> {
        let runs = self.dir.path().join(output).join("runs");
        let read = |name: String| {
            let stream = std::fs::read(runs.join(&name).join("stream.jsonl")).expect("a stream");
            let record = std::fs::metadata(runs.join(&name).join("run.json")).expect("a record");
            (name, (stream, record.modified().expect("a time")))
        };
        self.names(&format!("{output}/runs")).into_iter().map(read).collect()
    }

    /// Waits until one run is finished and the next one records.
    fn wait_for_the_second_run(&self, output: &str) {
        let start = Instant::now();
        loop {
            let half = self.names(&format!("{output}/work")).into_iter().any(|name| {
                let stream = self.dir.path().join(output).join("work").join(name).join("stream.jsonl");
                std::fs::metadata(stream).is_ok_and(|data| data.len() > 20_000)
            });
            if half && self.names(&format!("{output}/runs")).len() == 1 {
                return;
            }
            assert!(start.elapsed() < Duration::from_secs(120), "no second run");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Processes that work inside this test's folder.
    fn alive(&self) -> Vec<PathBuf> {
        let root = std::fs::canonicalize(self.dir.path()).expect("our folder");
        let cwd = |entry: std::fs::DirEntry| std::fs::read_link(entry.path().join("cwd")).ok();
        let processes = std::fs::read_dir("/proc").expect("Linux");
        processes.flatten().filter_map(cwd).filter(|cwd| cwd.starts_with(&root) && *cwd != root).collect()
    }

    fn wait_until_quiet(&self) {
        let start = Instant::now();
        while !self.alive().is_empty() {
            assert!(start.elapsed() < Duration::from_secs(10), "left behind: {:?}", self.alive());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

fn streams(runs: &BTreeMap<String, (Vec<u8>, SystemTime)>) -> BTreeMap<&str, &[u8]> {
    runs.iter().map(|(name, (stream, _))| (name.as_str(), stream.as_slice())).collect()
}

#[test]
fn a_killed_campaign_goes_on_as_if_nothing_had_happened() {
    let test = Test::new(CAMPAIGN);
    let (code, text) = test.call("whole", &["run", "-j", "2"]);
    assert_eq!(code, 0, "{text}");
    let whole = test.finished("whole");
    assert_eq!(whole.len(), 3, "{text}");
    assert!(test.names("whole/work").is_empty() && test.names("whole/failed").is_empty());

    // Killed without a chance to say goodbye.
    let mut child = test.start("killed");
    test.wait_for_the_second_run("killed");
    let before = test.finished("killed");
    child.kill().expect("our child");
    child.wait().expect("our child");
    test.wait_until_quiet();
    assert_eq!(test.names("killed/work").len(), 1, "the half run is still there");

    // Asked to end: the half run is gone. What the killed process left must not be taken for the new
    // one's.
    let mut child = test.start("killed");
    let start = Instant::now();
    while test.alive().is_empty() {
        assert!(start.elapsed() < Duration::from_secs(120), "nothing starts");
        std::thread::sleep(Duration::from_millis(10));
    }
    test.wait_for_the_second_run("killed");
    let (code, text) = test.call("killed", &["run"]);
    assert_eq!(code, 2, "a second process in the same folder: {text}");
    assert!(text.contains("is running this campaign"), "{text}");
    let (code, text) = test.call("killed", &["status", "--json"]);
    assert_eq!(code, 0, "{text}");
    let status: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(status["active"], true);
    let train = &status["conditions"][0];
    assert_eq!((&train["done"], &train["running"], &train["todo"]), (&1.into(), &1.into(), &0.into()));
    assert_eq!(status["conditions"][1]["todo"], 1);
    let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).expect("a small number"));
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).expect("our child");
    assert_eq!(child.wait().expect("our child").code(), Some(1), "interrupted");
    test.wait_until_quiet();
    assert!(test.names("killed/work").is_empty());
    assert_eq!(test.finished("killed"), before, "nothing but the first run, untouched");

    let (code, text) = test.call("killed", &["run", "-j", "2"]);
    assert_eq!(code, 0, "{text}");
    let after = test.finished("killed");
    for (name, run) in &before {
        assert_eq!(after.get(name), Some(run), "{name} was made again");
    }
    assert_eq!(streams(&after), streams(&whole), "another result than without interruption");
    let (code, text) = test.call("killed", &["run"]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("3 done, 0 failed, 0 to do"), "{text}");
    assert_eq!(test.finished("killed"), after);

    // The replica started from the parent's configuration, with other velocities.
    let record = |name: &str| {
        let name = after.keys().find(|id| id.starts_with(name)).expect("a run of this name");
        let path = test.dir.path().join("killed/runs").join(name).join("run.json");
        let text = std::fs::read_to_string(path).expect("a record");
        serde_json::from_str::<serde_json::Value>(&text).expect("JSON")
    };
    let (parent, replica, other) = (record("T250-s1-"), record("T250-s1-r1-"), record("T250-s2-"));
    assert!(parent["id"].as_str().is_some_and(|id| !id.contains("-r1")));
    let settled = |run: &serde_json::Value| run["outputs"]["settled.data"].clone();
    assert!(settled(&parent).is_string());
    assert_eq!(settled(&parent), settled(&replica));
    assert_ne!(settled(&parent), settled(&other));
    assert_ne!(parent["outputs"]["stream.jsonl"], replica["outputs"]["stream.jsonl"]);
    assert_eq!(parent["columns"]["lineage"], replica["columns"]["lineage"]);
    // All start from one data file.
    assert_eq!(parent["columns"]["lineage"], other["columns"]["lineage"]);
    assert!(parent["cpu_seconds"].as_f64().is_some_and(|seconds| seconds > 0.2), "{parent}");

    // Finished elsewhere is finished; another input is another run.
    let ids = after.keys().cloned().collect::<Vec<_>>().join(",");
    std::fs::write(test.dir.path().join("table.csv"), ids).expect("writes");
    let (_, text) = test.call("empty", &["run", "--dry-run", "--done", "table.csv"]);
    assert_eq!(text, "");
    let (code, text) = test.call("empty", &["run", "--dry-run", "--roles", "nonsense"]);
    assert!(code == 2 && text.contains("--roles = 'nonsense'"), "{text}");

    // A column is no input: finished runs take the new one and are not made again.
    let renamed = CAMPAIGN.replace("family: halide", "family: salt");
    std::fs::write(test.dir.path().join("campaign.yaml"), renamed).expect("writes");
    let (_, text) = test.call("killed", &["status"]);
    assert!(text.contains("3 finished runs have other columns"), "{text}");
    let (code, text) = test.call("killed", &["run"]);
    assert!(code == 0 && text.contains("3 done, 0 failed, 0 to do"), "{text}");
    assert_eq!(record("T250-s2-")["columns"]["family"], "salt");
    assert_eq!(streams(&test.finished("killed")), streams(&whole));

    std::fs::write(test.dir.path().join("produce.in"), format!("{PRODUCE}\n# changed\n")).expect("writes");
    let (_, text) = test.call("killed", &["run", "--dry-run"]);
    assert_eq!(text.lines().count(), 3, "{text}");
    let (_, text) = test.call("killed", &["status"]);
    assert!(text.contains("3 more runs are finished that had other inputs"), "{text}");
}

#[test]
fn a_failing_run_is_quarantined() {
    let campaign = CAMPAIGN
        .replace("steps: 1500", "steps: 50")
        .replace("temperature: 250, seeds: 1..2", "temperature: [-5, 250], seeds: 1")
        .replace("keep: [stream.jsonl]", "keep: [stream.jsonl]\ncompress: [stream.jsonl]");
    let test = Test::new(&campaign);
    let (code, text) = test.call("out", &["run"]);
    assert_eq!(code, 1, "{text}");
    let failed = test.names("out/failed");
    assert!(failed.len() == 1 && failed[0].starts_with("T-5-s1-"), "{failed:?}");
    let record =
        std::fs::read_to_string(test.dir.path().join("out/failed").join(&failed[0]).join("run.json"));
    let record: serde_json::Value = serde_json::from_str(&record.expect("a record")).expect("JSON");
    assert_eq!(record["status"], "failed");
    assert!(!text.contains("(-0 s"), "{text}");
    assert!(record["message"].as_str().is_some_and(|message| message.contains("stage settle")), "{record}");
    assert!(record["message"].as_str().is_some_and(|message| message.contains("ERROR")), "{record}");

    let runs = test.names("out/runs");
    assert_eq!(runs.len(), 2, "the others were done: {text}");
    let run = test.dir.path().join("out/runs").join(&runs[0]);
    let mut names: Vec<String> = std::fs::read_dir(&run)
        .expect("a folder")
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    assert_eq!(names, ["log.tail", "run.json", "stream.jsonl.zst"]);
    let stream = std::fs::File::open(run.join("stream.jsonl.zst")).expect("a stream");
    let stream = zstd::stream::decode_all(stream).expect("zstd");
    assert!(stream.starts_with(b"{\"type\":\"header\"") && stream.ends_with(b"}\n"));

    // Not tried again unless asked.
    let (code, text) = test.call("out", &["run"]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("2 done, 1 failed, 0 to do"), "{text}");
    let (code, text) = test.call("out", &["status"]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("ERROR"), "{text}");
    let (code, text) = test.call("out", &["run", "--retry-failed"]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("start    T-5-s1-"), "{text}");
    assert_eq!(test.names("out/failed"), failed);
}

/// The label rules of a run must name the types that its cell has: a silicon that is none would be
/// watched in vain, without any error.
#[test]
fn ready_campaigns_watch_every_bond_of_their_cells() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/campaigns");
    for (name, least) in [
        ("oxides/campaign.yaml", 400),
        ("oxides/small.yaml", 4),
        ("halides/campaign.yaml", 120),
        ("halides/small.yaml", 4),
    ] {
        let mut campaign = Campaign::read(&root.join(name)).expect(name);
        campaign.potentials_folder = Some(PathBuf::from("not read here"));
        let runs = plan(&campaign).expect(name);
        assert!(runs.len() >= least, "{name}: {} runs", runs.len());
        for column in ["family", "system", "temperature_k", "vacancy_fraction", "orientation", "size"] {
            assert!(runs[0].columns.contains_key(column), "{name}: no column {column}");
        }
        let files = Files::default();
        let mut checked = Vec::new();
        for run in &runs {
            // A cell differs between conditions, not between seeds.
            let cell = run.condition.replace(&format!("T{}", run.columns["temperature_k"]), "");
            if !checked.contains(&cell) {
                check_rules(name, run, &files);
                checked.push(cell);
            }
        }
    }
}

fn check_rules(name: &str, run: &Planned, files: &Files) {
    assert!(matches!(run.start, Start::Interface(..)), "{name}: {}", run.key);
    let spec = specification(run, files).expect("valid");
    let text = serde_yaml::to_string(&spec).expect("YAML");
    let built = interface::build(&Spec::parse(&text).expect(&run.key)).expect(&run.key);
    let elements = built.elements();
    let label = &run.files[&run.variables["label"].to_string()];
    let rules = Rules::read(label, elements.len()).expect(&run.key);
    let anion = |element: &str| ["O", "F", "Cl", "Br", "I"].contains(&element);
    let (formers, metal) = (["Si", "P", "Al"], elements.len());
    for (a, first) in elements.iter().enumerate() {
        for (b, second) in elements.iter().enumerate() {
            let oxide = formers.contains(first) && *second == "O";
            // The salt's anion and the cation of the metal, which is the last type.
            let halide = anion(first) && *first != "O" && b + 1 == metal;
            let rule = rules.bond(a + 1, b + 1);
            assert_eq!(rule.is_some(), oxide || halide, "{}: {first}-{second}", run.key);
        }
        assert_eq!(rules.site(a + 1).is_some(), anion(first), "{}: {first}", run.key);
    }
}
