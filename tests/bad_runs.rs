//! Bad input in the real LAMMPS, on one rank and on two: every wrong line is refused on all ranks with
//! its message and without hanging; LAMMPS marks the offending word.
//!
//! One process per rank count runs all cases: this program starts itself once more, under `mpiexec`,
//! and drives LAMMPS through its C library.

#![cfg(feature = "inprocess")]

mod fix_lines;
mod machine;
mod slab;

use fix_lines::{Case, Table};
use foreshock::inprocess::Lammps;
use machine::{Machine, finish};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

/// Tells the program that it is a rank; the value is the directory to work in.
const WORK: &str = "FORESHOCK_BAD_RUNS";

/// Runs the test `name` of this program on `ranks` ranks; they find `dir` in [`WORK`]. Gives what each
/// rank wrote.
fn on_ranks(machine: &Machine, name: &str, ranks: usize, dir: &Path) -> Vec<Vec<String>> {
    let mut command = Command::new(machine.program("mpiexec"));
    command.env("FORESHOCK_VENV", &machine.venv).env("FORESHOCK_PLUGIN", &machine.plugin);
    command.args(["-n", &ranks.to_string()]).arg(std::env::current_exe().expect("this program"));
    command.args([name, "--exact", "--nocapture", "--test-threads", "1"]).env(WORK, dir);
    command.env("OMP_NUM_THREADS", "1").env_remove("LAMMPS_PLUGIN_PATH");
    // Not how they end: the first rank that does may take one with it that has answered.
    let outcome = finish(command, name);
    let read = |rank: usize| {
        let text = std::fs::read_to_string(dir.join(format!("answers.{rank}")))
            .unwrap_or_else(|e| panic!("answers of rank {rank} of {ranks}: {e}\n{}", outcome.text));
        serde_json::from_str(&text).expect("a list of texts")
    };
    (0..ranks).map(read).collect()
}

/// This rank's LAMMPS, ready for plugins.
fn open() -> Lammps {
    let mut lammps = Lammps::open(&[]).expect("`make test` provides LAMMPS");
    lammps.command(&load()).expect("the plugin");
    lammps
}

fn load() -> String {
    format!("plugin load \"{}\"", Machine::current().plugin.display())
}

/// Writes the answers under this rank's number and waits for the other ranks': a process that ends
/// without MPI's farewell takes the others with it.
fn answer(lammps: &Lammps, dir: &Path, answers: &[String]) {
    let [rank, ranks] =
        ["world_rank", "world_size"].map(|name| lammps.setting(name).expect("a known setting"));
    let file = |rank: i32| dir.join(format!("answers.{rank}"));
    let text = serde_json::to_string(answers).expect("texts");
    let draft = dir.join(format!("draft.{rank}"));
    std::fs::write(&draft, text).expect("writable");
    std::fs::rename(draft, file(rank)).expect("writable");
    while !(0..ranks).all(|rank| file(rank).exists()) {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
}

/// What LAMMPS says to the lines: its error, or nothing.
fn say(lammps: &mut Lammps, lines: &str) -> String {
    lammps.commands(lines).err().map_or_else(String::new, |error| error.to_string())
}

/// The table's box without atoms: the fix line is checked before anything else. An old LAMMPS forgets
/// its plugins at `clear`.
fn empty_box(table: &Table, case: &Case, old: bool) -> String {
    let setting = table.setting(case);
    let flat = setting.dimension == 2;
    let z = if flat { "-0.5 0.5" } else { "0 10" };
    format!(
        "clear\n{}\nunits {}\ndimension {}\nregion box block 0 10 0 10 {z}\ncreate_box {} box\nmass * 1.0\n\
         timestep {}\ngroup lower type 1\ngroup upper type 2\n",
        if old { load() } else { String::new() },
        setting.units,
        setting.dimension,
        setting.types,
        setting.timestep
    )
}

#[test]
fn ranks_try_the_tables() {
    let Some(dir) = std::env::var_os(WORK) else { return };
    let dir = Path::new(&dir);
    let table = Table::read("bad/fix_lines.yaml");
    let mut lammps = open();
    let old = lammps.version() < 20_250_000;
    let mut answers = Vec::new();
    for (number, case) in table.cases.iter().enumerate() {
        std::env::set_current_dir(dir.join(number.to_string())).expect("made for this case");
        lammps.commands(&empty_box(&table, case, old)).expect("all but the fix line is right");
        answers.push(say(&mut lammps, &case.line));
    }
    for case in fix_modify_table() {
        let fix = "fix w all foreshock 50 lower upper\n";
        lammps.commands(&(empty_box(&table, &table.cases[0], old) + fix)).expect("a right line");
        answers.push(say(&mut lammps, &case.line));
    }
    answer(&lammps, dir, &answers);
}

fn fix_modify_table() -> Vec<Case> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/inputs/bad/fix_modify.yaml");
    let text = std::fs::read_to_string(path).expect("the table is part of the repository");
    let mut table: BTreeMap<String, Vec<Case>> = serde_yaml::from_str(&text).expect("a table");
    table.remove("cases").expect("cases")
}

#[test]
fn every_wrong_line_is_refused_on_all_ranks_at_its_word() {
    let table = Table::read("bad/fix_lines.yaml");
    for (machine, ranks, marks) in
        [(Machine::current(), 1, true), (Machine::current(), 2, true), (Machine::of_2024(), 2, false)]
    {
        let dir = tempfile::tempdir().expect("a directory");
        for (number, case) in table.cases.iter().enumerate() {
            let own = dir.path().join(number.to_string());
            std::fs::create_dir(&own).expect("writable");
            case.write_files(&own);
        }
        let answers = on_ranks(&machine, "ranks_try_the_tables", ranks, dir.path());
        let modify = fix_modify_table();
        let cases: Vec<(&Case, usize)> =
            table.cases.iter().map(|c| (c, 1)).chain(modify.iter().map(|c| (c, 2))).collect();
        let mut wrong = Vec::new();
        for (rank, answers) in answers.iter().enumerate() {
            assert_eq!(answers.len(), cases.len());
            for ((case, before), answer) in cases.iter().zip(answers) {
                if let Err(fault) = check(case, *before, answer, marks) {
                    wrong.push(format!("rank {rank} of {ranks}: {}: {fault}\n  {answer}", case.line));
                }
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}

/// Checks LAMMPS's answer: the message, and the mark under the case's word (`before` words stand
/// before the first that counts).
fn check(case: &Case, before: usize, answer: &str, marks: bool) -> Result<(), String> {
    let words = case.words();
    if words.len() == 1 {
        // LAMMPS keeps a fix_modify without words to itself.
        return if answer.contains("Illegal fix_modify command") {
            Ok(())
        } else {
            Err("expected LAMMPS's own".to_owned())
        };
    }
    let message = case.message.as_deref().expect("message");
    if !answer.contains(message) {
        return Err(format!("expected {message}"));
    }
    if !marks {
        return Ok(());
    }
    let marked = marked(answer).ok_or("no mark")?;
    let expected = &words[case.word.expect("word") + before - 1];
    if marked != expected {
        return Err(format!("marked '{marked}', expected '{expected}'"));
    }
    Ok(())
}

/// The word that LAMMPS has marked in the line above the mark.
fn marked(answer: &str) -> Option<&str> {
    let lines: Vec<&str> = answer.lines().collect();
    let mark = lines.iter().position(|line| line.trim_start().starts_with('^'))?;
    let (start, end) = (lines[mark].find('^')?, lines[mark].trim_end().len());
    lines[mark - 1].get(start..end)
}

#[test]
fn a_file_that_does_not_fit_marks_its_word() {
    let dir = tempfile::tempdir().expect("a directory");
    std::fs::write(dir.path().join("torn.yaml"), "bonds: [").expect("the test's own directory");
    std::fs::write(dir.path().join("torn.safetensors"), "no model").expect("the test's own directory");
    for (keyword, file) in [
        ("label", "none.yaml"),
        ("label", "torn.yaml"),
        ("model", "none.safetensors"),
        ("model", "torn.safetensors"),
    ] {
        for ranks in [1, 2] {
            let script = format!("{}{}", slab::SLAB, slab::fix(&format!("{keyword} {file} message no")));
            let outcome = Machine::current().run(ranks, dir.path(), &script);
            assert!(!outcome.status.success(), "{file}");
            assert!(
                outcome.text.contains(&format!("fix foreshock: {keyword}: {file}: ")),
                "{}",
                outcome.text
            );
            assert_eq!(marked(&outcome.text), Some(file), "{}", outcome.text);
        }
    }
}

/// A run whose fault only the box knows: a name, what differs from a run of the slab that is right,
/// and what LAMMPS says.
struct Run {
    name: &'static str,
    lines: String,
    says: &'static str,
}

/// The slab with 300 K positions after a few steps and other lines.
fn run_of(name: &'static str, lines: impl Into<String>, says: &'static str) -> Run {
    Run { name, lines: lines.into(), says }
}

/// The fix line on the slab with other words for one of its settings.
fn fix_line(group: &str, sides: &str, words: &str) -> String {
    format!("fix w {group} foreshock 10 {sides} reference 0.1 baseline 0.1 1.0 lag 0.1 {words}\n")
}

const CUTOFF: &str = "cutoff 1 1 3.2 1 2 3.2 2 2 3.2 stress no";

fn runs() -> Vec<Run> {
    use slab::{SLAB, fix};
    let sides = "lower upper";
    let restarted = |first: &str, second: &str| {
        format!(
            "{SLAB}{first}run 300\nwrite_restart w.restart\nclear\nread_restart w.restart\n{PAIR}{second}run 10\n"
        )
    };
    let lag = |every: usize, lag: f64, words: &str| {
        format!("fix w all foreshock {every} {sides} reference 0.1 baseline 0.1 1.0 lag {lag} {words}\n")
    };
    vec![
        run_of(
            "the sides lie beside each other along another axis",
            format!("{SLAB}{}run 0\n", fix_line("all", sides, &format!("{CUTOFF} normal x"))),
            "Fix foreshock w: normal = 'x': expected the axis along which 'lower' and 'upper' meet; they meet \
             nowhere along it",
        ),
        run_of(
            "the same, once thermal motion has made them differ",
            format!("{SLAB}run 100\n{}run 0\n", fix_line("all", sides, &format!("{CUTOFF} normal y"))),
            "Fix foreshock w: normal = 'y': expected the axis along which 'lower' and 'upper' meet; they meet \
             nowhere along it",
        ),
        run_of(
            "two layers of each side",
            format!(
                "{SLAB}region a block INF INF INF INF 2 3.99\nset region a type 2\nregion b block INF INF INF INF \
                 6 INF\nset region b type 1\ngroup lower clear\ngroup upper clear\ngroup lower type 1\n\
                 group upper type 2\nregion c block INF INF INF INF 4 6\nset region c type 1\nset region b type 2\n\
                 group lower clear\ngroup upper clear\ngroup lower type 1\ngroup upper type 2\n{}run 0\n",
                fix("")
            ),
            "expected one or two interfaces between 'lower' and 'upper' along it, found 4; a sandwich of three \
             layers takes two fixes",
        ),
        run_of(
            "a gap between the sides",
            format!(
                "{SLAB}region a block INF INF INF INF 2.5 5.5\ndelete_atoms region a compress yes\n\
                 change_box all boundary p p f\n{}run 0\n",
                fix("region 4.0")
            ),
            "they meet nowhere along it",
        ),
        run_of(
            "a side without atoms",
            format!("{SLAB}group void empty\n{}run 0\n", fix_line("all", "void upper", CUTOFF)),
            "Fix foreshock w: sideA = 'void': expected a group with framework atoms inside the fix's group",
        ),
        run_of(
            "a fix group that leaves a side out",
            format!("{SLAB}{}run 0\n", fix_line("lower", sides, CUTOFF)),
            "Fix foreshock w: sideB = 'upper': expected a group with framework atoms inside the fix's group",
        ),
        run_of(
            "atoms in both sides",
            format!("{SLAB}group upper id 1 2\n{}", fix("")),
            "fix foreshock: sideB = 'upper': expected a group without atoms of sideA = 'lower', found 2 in both",
        ),
        run_of(
            "a cutoff that ghosts do not cover",
            format!("{SLAB}{}run 0\n", fix_line("all", sides, "cutoff 1 1 3.2 1 2 4.5 2 2 3.2 stress no")),
            "Fix foreshock w: cutoff = '1 2 4.5': expected at most 4.1667 so that 1.2 x cutoff stays within the \
             5.0000 that ghost atoms cover (raise it with comm_modify cutoff)",
        ),
        run_of(
            "a label radius that ghosts do not cover",
            format!("{SLAB}{}run 0\n", fix("label far.yaml")),
            "Fix foreshock w: label break or lose radius = '5.5': expected at most the 5.0000 angstrom that ghost atoms cover",
        ),
        run_of(
            "no label file",
            format!("{SLAB}{}", fix("label none.yaml")),
            "none.yaml: No such file or directory",
        ),
        run_of("a damaged label file", format!("{SLAB}{}", fix("label torn.yaml")), "torn.yaml: "),
        run_of(
            "a label file for more types",
            format!("{SLAB}{}", fix("label types.yaml")),
            "label type = '9': expected an atom type from 1 to 2",
        ),
        run_of(
            "atoms without ids",
            format!(
                "{}{}",
                SLAB.replace("atom_modify map array", "atom_modify id no")
                    .replace("87287", "87287 loop geom"),
                fix("")
            ),
            "Fix foreshock requires atom IDs (atom_modify id yes)",
        ),
        run_of(
            "stress without a pair style",
            format!(
                "{}{}run 0\n",
                SLAB.replace("pair_style lj/cut 5.0\npair_coeff * * 0.4 2.3\n", "comm_modify cutoff 6\n"),
                fix_line("all", sides, "cutoff 1 1 3.2 stress yes")
            ),
            "Fix foreshock: stress yes requires a pair style",
        ),
        run_of(
            "its computes deleted",
            format!(
                "{SLAB}{}uncompute w_foreshock_stress\nrun 0\n",
                fix_line("all", sides, "cutoff 1 1 3.2 1 2 3.2 2 2 3.2 stress yes")
            ),
            "Fix foreshock: computes w_foreshock_stress and w_foreshock_pe were deleted; keep them or use stress no",
        ),
        run_of(
            "another timestep after the first sample",
            format!("{SLAB}{}run 50\ntimestep 0.001\nrun 10\n", fix("")),
            "Fix foreshock w: timestep = '0.01': expected N x timestep to stay at the 0.02 of the first sample; \
             unfix and define the fix again",
        ),
        run_of(
            "a variable timestep",
            format!("{SLAB}{}fix step all dt/reset 5 0.0005 0.001 0.5\nrun 50\n", fix("")),
            "expected 0.002 as at the start of the run; variable timesteps are not supported",
        ),
        run_of(
            "a restart with another lag",
            restarted(&lag(10, 0.1, CUTOFF), &lag(10, 0.2, CUTOFF)),
            "restart state of fix foreshock: lag in samples is 10 here, but 5 in the restart file",
        ),
        run_of(
            "a restart with another N and the same numbers of samples",
            restarted(&lag(10, 0.1, CUTOFF), &lag(5, 0.05, CUTOFF)).replace(
                "lower upper reference 0.1 baseline 0.1 1.0 lag 0.05",
                "lower upper reference 0.05 baseline 0.1 1.0 lag 0.05",
            ),
            "restart state of fix foreshock: time between samples is 0.01 here, but 0.02 in the restart file: keep N \
             x timestep",
        ),
        run_of(
            "a restart with labels that were not there",
            restarted(&lag(10, 0.1, CUTOFF), &lag(10, 0.1, &format!("{CUTOFF} label near.yaml"))),
            "restart state of fix foreshock: keyword label was given in only one of the two runs",
        ),
        run_of(
            "a restart with other elements",
            restarted(
                &lag(10, 0.1, &format!("{CUTOFF} elements Cu Cu")),
                &lag(10, 0.1, &format!("{CUTOFF} elements Cu O")),
            ),
            "restart state of fix foreshock: elements is [\"Cu\",\"O\"] here, but [\"Cu\",\"Cu\"] in the restart file",
        ),
        run_of(
            "a restart with another baseline",
            restarted(
                &lag(10, 0.1, CUTOFF),
                &lag(10, 0.1, CUTOFF).replace("baseline 0.1 1.0", "baseline 0.1 2.0"),
            ),
            "restart state of fix foreshock: baseline is [0.1,2.0] here, but [0.1,1.0] in the restart file",
        ),
        run_of(
            "a restart with another window",
            restarted(&lag(10, 0.1, CUTOFF), &lag(10, 0.1, &format!("{CUTOFF} window 32"))),
            "restart state of fix foreshock: window = 64 when it was saved, 32 now",
        ),
        run_of(
            "a restart with its sides exchanged",
            restarted(&lag(10, 0.1, CUTOFF), &lag(10, 0.1, CUTOFF).replace("lower upper", "upper lower")),
            "restart state of fix foreshock: sides is",
        ),
        run_of(
            "cutoffs to be found without ghosts to find them",
            format!("{}{}run 0\n", SLAB.replace(POTENTIAL, ""), fix_line("all", sides, "stress no")),
            "Fix foreshock w: cutoff = 'auto': expected ghost atoms to find it with",
        ),
        run_of(
            "radial distribution functions further than ghosts",
            format!("{SLAB}{}run 0\n", fix("rdf yes")),
            "Fix foreshock w: rdf = 'yes': expected ghost atoms that cover 8.0000, not 5.0000",
        ),
        run_of(
            "a label rule for mobile ions",
            format!(
                "{}set group lower type/fraction 3 0.5 7\n{}run 0\n",
                SLAB.replace("create_box 2", "create_box 3"),
                fix("mobile 3 label mobile.yaml")
            ),
            "Fix foreshock w: label bonds types = '3': expected types of the framework; mobile ions can be watched \
             by sites only",
        ),
        run_of(
            "ghosts whose reach depends on their type",
            format!("{SLAB}neighbor 2.0 multi\ncomm_modify mode multi\n{}run 0\n", fix("")),
            "Fix foreshock does not support comm_modify mode multi",
        ),
        run_of(
            "snapshots that are further apart than N",
            format!(
                "{SLAB}dump d all custom 20 far.dump id x y z ix iy iz\nrun 60\nundump d\n{}rerun far.dump dump x y \
                 z ix iy iz box yes\n",
                fix("")
            ),
            "Fix foreshock w: snapshots at steps 0 and 20: expected them every N = 10 steps",
        ),
        run_of(
            "a box that is flipped",
            format!(
                "{SLAB}{}change_box all triclinic\nfix shear all deform 1 xy erate 40 remap v flip yes\nrun 50\n",
                fix("")
            ),
            "the box was flipped to other box vectors; give fix npt or fix deform the keyword flip no",
        ),
        // After all of these the process still runs a right one.
        run_of("nothing wrong", format!("{SLAB}{}run 20\n", fix("")), ""),
    ]
}

/// The slab's interactions.
const POTENTIAL: &str = "pair_style lj/cut 5.0\npair_coeff * * 0.4 2.3\n";

/// What a restart file does not hold.
const PAIR: &str = "pair_style lj/cut 5.0\npair_coeff * * 0.4 2.3\nfix nve all nve\ntimestep 0.002\n";

#[test]
fn ranks_try_the_runs() {
    let Some(dir) = std::env::var_os(WORK) else { return };
    let dir = Path::new(&dir);
    std::env::set_current_dir(dir).expect("it exists");
    let mut lammps = open();
    let mut answers = Vec::new();
    for run in runs() {
        lammps.command("clear").expect("LAMMPS goes on");
        answers.push(say(&mut lammps, &run.lines));
    }
    answer(&lammps, dir, &answers);
}

#[test]
fn every_wrong_run_is_refused_on_all_ranks() {
    for ranks in [1, 2] {
        let dir = tempfile::tempdir().expect("a directory");
        for (file, text) in [
            ("far.yaml", "bonds:\n  - {types: [1, 2], form: 2.6, break: 5.5}\n"),
            ("mobile.yaml", "bonds:\n  - {types: [1, 3], form: 2.6, break: 3.5}\n"),
            ("near.yaml", "bonds:\n  - {types: [1, 2], form: 2.6, break: 3.5}\n"),
            ("types.yaml", "bonds:\n  - {types: [1, 9], form: 2.6, break: 3.5}\n"),
            ("torn.yaml", "bonds:\n  - {types: [1, 2], form: 2.6, bre"),
        ] {
            std::fs::write(dir.path().join(file), text).expect("writable");
        }
        let answers = on_ranks(&Machine::current(), "ranks_try_the_runs", ranks, dir.path());
        let mut wrong = Vec::new();
        for (rank, answers) in answers.iter().enumerate() {
            for (run, answer) in runs().iter().zip(answers) {
                let right = if run.says.is_empty() { answer.is_empty() } else { answer.contains(run.says) };
                if !right {
                    wrong.push(format!(
                        "rank {rank} of {ranks}: {}: expected {}\n  {answer}",
                        run.name, run.says
                    ));
                }
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}

/// The same through `lmp` itself: exit code 1, one error, no hang.
#[test]
fn lmp_ends_with_exit_code_1() {
    let dir = tempfile::tempdir().expect("a directory");
    for lines in [
        format!("{}{}", slab::SLAB, slab::fix("regoin 8")),
        format!("{}{}run 0\n", slab::SLAB, fix_line("lower", "lower upper", CUTOFF)),
        format!("{}{}fix_modify w persist 0\n", slab::SLAB, slab::fix("")),
        format!("{}{}run 50\ntimestep 0.001\nrun 10\n", slab::SLAB, slab::fix("")),
    ] {
        for ranks in [1, 2] {
            let outcome = Machine::current().run(ranks, dir.path(), &lines);
            assert_eq!(outcome.status.code(), Some(1), "{}", outcome.text);
            assert_eq!(outcome.lines("ERROR").count(), 1, "{}", outcome.text);
            assert!(outcome.text.contains("oreshock"), "{}", outcome.text);
        }
    }
}

#[test]
fn a_stream_of_another_set_up_is_not_continued() {
    let dir = tempfile::tempdir().expect("a directory");
    let script = format!(
        "{}{}run 300\nwrite_restart w.restart\nclear\nread_restart w.restart\n{PAIR}{}run 30\nprint \"ends\"\n",
        slab::SLAB,
        slab::fix("record r.jsonl"),
        slab::fix("record other.jsonl"),
    );
    // The file that is there belongs to a fix with another window.
    let other = format!("{}{}run 100\n", slab::SLAB, slab::fix("window 32 record other.jsonl"));
    Machine::current().run(1, dir.path(), &other).ok();
    let before = std::fs::read(dir.path().join("other.jsonl")).expect("recorded");
    let outcome = Machine::current().run(2, dir.path(), &script).ok();
    let told: Vec<&str> = outcome.lines("recording stops, the run goes on").collect();
    assert_eq!(told.len(), 1, "{}", outcome.text);
    assert!(
        told[0].contains("other.jsonl") && told[0].contains("as in the stream to be continued"),
        "{}",
        told[0]
    );
    assert_eq!(std::fs::read(dir.path().join("other.jsonl")).expect("there"), before);
}
