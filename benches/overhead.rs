//! What the fix costs: CPU time of runs with and without it, in pairs.
//!
//! Two instances of the same system live in one process and run in turn, 50 or 100 steps each, so that
//! what is compared are neighbours in time on a shared, noisy machine; a pair is made of several such
//! turns, and the first steps (reference and warm-up) are not counted. Runs on several ranks are whole
//! `mpiexec` runs in turn. Ratios are of CPU time (user and system, all threads). Writes
//! `target/bench/overhead.json`.
//!
//! `comparison` says what is compared to the run without the fix: `fix`, the run with it; `native`, the
//! run with LAMMPS's own msd, coord/atom, orientorder/atom and (with stress) stress/atom and pe/atom on
//! the same atoms, averaged by fix ave/time at the same steps; `null`, another run without the fix: what
//! the machine makes of nothing. `model` is the run with the fix and the built-in model, told that its
//! settings are those of this run, compared to the run with the fix and the CUSUM.

mod measure;

use foreshock::inprocess::Lammps;
use measure::{INPUTS, cpu_seconds, cutoff, interfacial, region, spread, system, variable};
use nix::sys::resource::UsageWho;
use serde_json::{Value, json};
use std::process::Command;

/// Pairs of blocks counted.
const REPEATS: usize = 8;

/// Time step of `in.eam`.
const TIMESTEP_PS: f64 = 0.005;

fn fix_line(input: &str, every: usize, stress: bool) -> String {
    // Times in samples, so that all phases are reached at every N.
    format!(
        "variable s equal {every}*dt\nfix w all foreshock {every} lo hi region {} cutoff 1 1 {} reference $(v_s) \
         baseline $(4*v_s) $(20*v_s) lag $(3*v_s) stress {}\n",
        region(input),
        cutoff(input),
        if stress { "yes" } else { "no" }
    )
}

/// The fix line with a model: the built-in one's parameters in a file that fits this run, so that all that
/// a verdict costs is there though it means nothing.
fn model_line(input: &str, every: usize) -> String {
    let mut model = foreshock::model::detector::builtin().expect("readable");
    let sample_ps = every as f64 * TIMESTEP_PS;
    model.meta.sample_ps = sample_ps;
    let settings = model.meta.settings.as_mut().expect("a model of recorded interfaces");
    settings.sample_ps = sample_ps;
    settings.reference_ps = sample_ps;
    settings.baseline_start_ps = 4.0 * sample_ps;
    settings.baseline_length_ps = 20.0 * sample_ps;
    settings.lag_ps = 3.0 * sample_ps;
    // Region and cutoffs are not those of its training.
    model.meta.measured = None;
    let file = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("overhead.safetensors");
    model.write(&file).expect("target is writable");
    let line = fix_line(input, every, true);
    format!("{} model {} detector model\n", line.trim_end(), file.display())
}

/// LAMMPS's own computes of the same observables on the interfacial atoms.
fn native_lines(input: &str, every: usize, stress: bool, height: f64) -> String {
    let (half, width, r) = (0.5 * height, region(input), cutoff(input));
    format!(
        "region a block INF INF INF INF $({half}-{width}) $({half}+{width}) units box\n\
         region b block INF INF INF INF INF {width} units box\n\
         region c block INF INF INF INF $({height}-{width}) INF units box\n\
         region i union 3 a b c\ngroup i region i\n\
         compute m i msd com yes\ncompute n i coord/atom cutoff {r}\n\
         compute q i orientorder/atom degrees 1 6 nnn NULL cutoff {r}\n"
    ) + &if stress {
        format!(
            "compute s i stress/atom NULL\ncompute e i pe/atom\n\
             compute r i reduce sum c_n c_q[1] c_e c_s[1] c_s[2] c_s[3]\n\
             fix o all ave/time {every} 1 {every} c_m[4] c_r[*]\n"
        )
    } else {
        format!("compute r i reduce sum c_n c_q[1]\nfix o all ave/time {every} 1 {every} c_m[4] c_r[*]\n")
    }
}

struct Instance(Lammps);

impl Instance {
    fn new(input: &str, cells: usize, extra: &str, warm_up: usize) -> Self {
        let mut lammps = Lammps::open(&[]).expect("`make bench` sets LAMMPS up");
        lammps
            .command(&format!("plugin load {}", variable("FORESHOCK_PLUGIN").display()))
            .expect("the plugin loads");
        lammps.commands(&system(input, cells)).expect("the input is correct");
        lammps.commands(extra).expect("the input is correct");
        lammps.command(&format!("run {warm_up} post no")).expect("the run starts");
        Self(lammps)
    }

    /// CPU seconds of the next steps, which go on from the last ones.
    fn advance(&mut self, steps: usize) -> f64 {
        let before = cpu_seconds(UsageWho::RUSAGE_SELF);
        self.0.command(&format!("run {steps} pre no post no")).expect("the run goes on");
        cpu_seconds(UsageWho::RUSAGE_SELF) - before
    }
}

/// Positions (three numbers per atom) and height of the cell when the crystal's planes have lost their
/// order.
fn settled(input: &str, cells: usize) -> (Vec<f64>, f64) {
    let lammps = Instance::new(input, cells, "", 60).0;
    (lammps.atoms("x", 3).expect("positions"), lammps.thermo("lz").expect("a known keyword"))
}

#[derive(Clone, Copy)]
struct Case {
    input: &'static str,
    /// Cells of the lattice along each axis.
    cells: usize,
    every: usize,
    stress: bool,
    comparison: &'static str,
    ranks: usize,
}

impl Case {
    fn name(&self) -> String {
        let stress = if self.stress { "stress" } else { "no-stress" };
        format!(
            "{} cells={} N={} {stress} {} ranks={}",
            self.input, self.cells, self.every, self.comparison, self.ranks
        )
    }
}

/// Measures pairs of instances and describes the result.
fn pairs(case: &Case) -> Value {
    let &Case { input, cells, every, stress, comparison, .. } = case;
    // Whole samples per turn; larger systems are steady in fewer turns.
    let turn = every.max(50);
    let steps = if every < 100 { 300 } else { 500 } * 32_000 / (4 * cells.pow(3));
    let turns = (steps / turn).clamp(1, 12);
    // Reference, lag and a few samples more; with a model until it has spoken.
    let warm_up = every * if comparison == "model" { 40 } else { 6 };
    let (positions, height) = settled(input, cells);
    let (base, extra) = match comparison {
        "null" => (String::new(), String::new()),
        "native" => (String::new(), native_lines(input, every, stress, height)),
        "model" => (fix_line(input, every, stress), model_line(input, every)),
        _ => (String::new(), fix_line(input, every, stress)),
    };
    let (mut ratios, mut costs) = (Vec::new(), Vec::new());
    for repeat in 0..REPEATS {
        let make = |extra: &str| Instance::new(input, cells, extra, warm_up);
        // Which of two instances comes first decides where its memory lies, and that alone is worth
        // percents: new ones for every pair, in either order.
        let (mut with, mut plain);
        if repeat % 2 == 0 {
            plain = make(&base);
            with = make(&extra);
        } else {
            with = make(&extra);
            plain = make(&base);
        }
        let (mut a, mut b) = (0.0, 0.0);
        for number in 0..turns {
            if number % 2 == 0 {
                b += plain.advance(turn);
                a += with.advance(turn);
            } else {
                a += with.advance(turn);
                b += plain.advance(turn);
            }
        }
        if comparison == "model" {
            let warning = with.0.fix_vector("w", 1).expect("the fix's vector");
            assert!(warning.is_finite(), "no verdict yet");
        }
        ratios.push(a / b);
        costs.push(1e3 * (a - b) * every as f64 / (turn * turns) as f64);
    }
    let [low, middle, high] = spread(ratios);
    let atoms = positions.len() / 3;
    let result = json!({
        "input": input, "atoms": atoms, "interfacial_atoms": interfacial(&positions, height, region(input)),
        "n_every": every, "ranks": 1, "stress": stress, "comparison": comparison,
        "ratio_median": middle, "ratio_min": low, "ratio_max": high, "repeats": REPEATS,
        "ms_per_sample_median": spread(costs)[1],
    });
    println!("{result}");
    result
}

/// Whole runs on several ranks, in pairs.
fn ranked(case: &Case) -> Value {
    let &Case { input, every, ranks, .. } = case;
    let (positions, height) = settled(input, 20);
    let interfacial = interfacial(&positions, height, region(input));
    let venv = variable("FORESHOCK_VENV");
    let folder = std::env::temp_dir().join(format!("foreshock-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a temporary folder");
    let run = |with: bool| {
        let file = folder.join("in.ranked");
        let load = format!("plugin load {}\n", variable("FORESHOCK_PLUGIN").display());
        let extra = if with { load + &fix_line(input, every, false) } else { String::new() };
        std::fs::write(&file, system(input, 20) + &extra + "run 400\n").expect("the folder is writable");
        let before = cpu_seconds(UsageWho::RUSAGE_CHILDREN);
        let output = Command::new(venv.join("bin/mpiexec"))
            .args(["-n", &ranks.to_string()])
            .arg(venv.join("bin/lmp"))
            .args(["-log", "none", "-in"])
            .arg(&file)
            .env("OMP_NUM_THREADS", "1")
            .output()
            .expect("mpiexec starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        cpu_seconds(UsageWho::RUSAGE_CHILDREN) - before
    };
    run(false);
    let repeats = 5;
    let [low, middle, high] = spread((0..repeats).map(|_| run(true) / run(false)).collect());
    let _ = std::fs::remove_dir_all(&folder);
    let result = json!({
        "input": input, "atoms": 32_000, "interfacial_atoms": interfacial, "n_every": every, "ranks": ranks,
        "stress": false, "comparison": "fix", "ratio_median": middle, "ratio_min": low, "ratio_max": high,
        "repeats": repeats,
    });
    println!("{result}");
    result
}

fn main() {
    // `cargo test --benches` only asks whether it builds.
    if std::env::args().any(|a| a == "--test") {
        return;
    }
    let mut cases = Vec::new();
    for input in INPUTS {
        cases.push(Case { input, cells: 20, every: 50, stress: false, comparison: "null", ranks: 1 });
        for (every, stress) in [(10, false), (50, false), (100, false), (10, true), (100, true)] {
            cases.push(Case { input, cells: 20, every, stress, comparison: "fix", ranks: 1 });
        }
        for (every, stress) in [(10, false), (10, true), (100, true)] {
            cases.push(Case { input, cells: 20, every, stress, comparison: "native", ranks: 1 });
        }
    }
    // The model speaks in units with a time only, and reads stress and energy. At N = 100 it speaks a tenth as
    // often, and only after thousands of steps.
    let growing = Case { input: "in.lj", cells: 20, every: 10, stress: false, comparison: "fix", ranks: 1 };
    cases.push(Case { input: "in.eam", stress: true, comparison: "model", ..growing });
    cases.extend([10, 40].map(|cells| Case { cells, ..growing }));
    cases.extend([2, 4].map(|ranks| Case { ranks, ..growing }));
    // `cargo bench --bench overhead -- in.eam` runs the cases whose name holds the word.
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    let mut results = Results(Vec::new());
    for case in cases {
        if words.iter().all(|word| case.name().contains(word.as_str())) {
            results.push(if case.ranks == 1 { pairs(&case) } else { ranked(&case) });
        }
    }
    println!("written to target/bench/overhead.json");
}

/// All results so far, written after each: an interrupted bench keeps what it has.
struct Results(Vec<Value>);

impl Results {
    fn push(&mut self, result: Value) {
        self.0.push(result);
        let file = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("../bench/overhead.json");
        std::fs::create_dir_all(file.parent().expect("it has a folder")).expect("target is writable");
        let text = serde_json::to_string_pretty(&self.0).expect("plain values");
        std::fs::write(&file, text + "\n").expect("target is writable");
    }
}
