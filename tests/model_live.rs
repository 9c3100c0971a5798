//! Learned models inside the real LAMMPS: verdicts equal those of a replay bit for bit, on one rank and on
//! two, and a model that does not fit is refused before anything runs.
#![cfg(feature = "cli")]

mod machine;

use std::path::{Path, PathBuf};
use std::process::Command;

use foreshock::model::Model;
use foreshock::stream::{Line, Reader};
use machine::{Machine, Outcome};

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Cell and potential of the oxide example, watched by the words of a fix line after `N sideA sideB`.
fn script(every: u32, words: &str, steps: u32) -> String {
    let example = here("examples/oxide-failing");
    let text = std::fs::read_to_string(example.join("in.oxide-failing")).expect("an input script");
    let (system, _) = text.split_once("timestep").expect("what follows is the run");
    let file = |name: &str| example.join(name).display().to_string();
    let system = ["data.li2sio3-li2o", "pedone.table"]
        .iter()
        .fold(system.to_owned(), |system, name| system.replace(name, &file(name)));
    format!(
        "package omp 1\nsuffix omp\n{system}timestep 0.002\nvelocity all create 1400 1 mom yes\n\
         fix bath all nvt temp 1400 1400 0.1\nthermo 500\n\
         fix w all foreshock {every} silicate oxide {words}\n\
         thermo_style custom step temp f_w f_w[2] f_w[10]\nrun {steps}\n"
    )
}

fn replay(stream: &Path) -> std::process::Output {
    let program = env!("CARGO_BIN_EXE_foreshock");
    Command::new(program).arg("replay").arg(stream).arg("--check").output().expect("the program runs")
}

/// Probabilities of a warning in a recorded stream.
fn warnings(stream: &Path) -> Vec<f64> {
    let lines = Reader::open(stream).expect("a stream");
    lines
        .filter_map(|line| match line.expect("undamaged") {
            Line::Verdict { verdict, .. } if verdict.p_warning.is_finite() => Some(verdict.p_warning),
            _ => None,
        })
        .collect()
}

#[test]
fn a_live_runs_verdicts_are_the_replayed_ones_bit_for_bit() {
    let machine = Machine::current();
    let builtin = here("models/builtin.safetensors");
    for (ranks, model) in [(1, "builtin".to_owned()), (2, builtin.display().to_string())] {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let words = format!("elements Li Si O Li O model {model} mode sync record run.jsonl");
        let outcome = machine.run(ranks, dir.path(), &script(100, &words, 5000)).ok();
        // The log says who speaks and what its threshold was chosen for.
        assert_eq!(outcome.lines("warns at").count(), 1, "{}", outcome.text);
        let stream = dir.path().join("run.jsonl");
        let warnings = warnings(&stream);
        assert!(warnings.len() >= 20, "{} verdicts on {ranks} ranks", warnings.len());
        let (names, rows) = outcome.thermo();
        let column = names.iter().position(|name| name == "f_w").expect("the scalar");
        assert!(rows.last().is_some_and(|row| (0.0..=1.0).contains(&row[column])), "{}", outcome.text);

        let output = replay(&stream);
        let text = String::from_utf8_lossy(&output.stdout);
        assert_ne!(output.status.code(), Some(2), "{text}{}", String::from_utf8_lossy(&output.stderr));
        assert!(text.contains("equal bit for bit, 0 different"), "{text}");
        // Campaigns keep their streams compressed.
        let packed = dir.path().join("run.jsonl.zst");
        let bytes = std::fs::read(&stream).expect("readable");
        std::fs::write(&packed, zstd::encode_all(bytes.as_slice(), 3).expect("compressible"))
            .expect("writable");
        let again = replay(&packed);
        assert_eq!(output.status.code(), again.status.code());
        let after_title = |text: &[u8]| {
            let text = String::from_utf8_lossy(text).into_owned();
            text.split_once('\n').map(|(_, rest)| rest.to_owned())
        };
        assert_eq!(after_title(&output.stdout), after_title(&again.stdout));
    }
}

#[test]
fn without_a_word_about_it_the_model_speaks_where_it_suits() {
    let machine = Machine::current();
    let dir = tempfile::tempdir().expect("a temporary folder");
    let said = |every: u32, words: &str| {
        let outcome = machine.run(1, dir.path(), &script(every, words, 200)).ok();
        let line = outcome.lines("built-in model").next().unwrap_or("").to_owned();
        (line, outcome.text)
    };
    let (line, text) = said(100, "elements Li Si O Li O");
    assert!(line.contains("warns at"), "{text}");
    let (line, text) = said(50, "elements Li Si O Li O");
    assert!(line.contains("detector cusum") && line.contains("N = '50', expected 100"), "{text}");
    let (line, text) = said(100, "");
    assert!(line.contains("detector cusum") && line.contains("elements = 'none'"), "{text}");
}

/// What LAMMPS says about a fix line that it refuses.
fn refusal(outcome: &Outcome) -> &str {
    assert!(!outcome.status.success(), "not refused:\n{}", outcome.text);
    assert!(!outcome.text.contains("Loop time"), "refused after it ran:\n{}", outcome.text);
    outcome.text.lines().find(|line| line.contains("ERROR")).unwrap_or("")
}

#[test]
fn a_model_that_does_not_fit_is_refused_before_anything_runs() {
    let machine = Machine::current();
    let dir = tempfile::tempdir().expect("a temporary folder");
    let model = Model::read(&here("models/builtin.safetensors")).expect("a model");
    let file = dir.path().join("own.safetensors");
    model.write(&file).expect("writable");
    let mut meta = model.meta.clone();
    meta.columns[3] = "charge_transfer".into();
    let foreign = Model::new(meta, &model.scaler, model.tensors.clone()).expect("consistent");
    foreign.write(&dir.path().join("foreign.safetensors")).expect("writable");
    let cases = [
        // Of N, the one that would fit is named; a time step may have none.
        (50, "model builtin", "N = '50': expected 100, as the model was trained on a sample every 0.2 ps"),
        (
            99,
            "model own.safetensors",
            "N = '99': expected 100, as the model was trained on a sample every 0.2 ps",
        ),
        (100, "model own.safetensors lag 2", "lag = '2': expected 1, as the model was trained"),
        (100, "model own.safetensors window 32", "window = '32': expected 64, as the model was trained"),
        (100, "model foreign.safetensors", "expected the descriptor 'charge_transfer' from the fix"),
        (100, "model nowhere.safetensors", "nowhere.safetensors: "),
    ];
    for (every, words, expected) in cases {
        let outcome = machine.run(1, dir.path(), &script(every, words, 100));
        let said = refusal(&outcome);
        assert!(said.contains(expected), "{words}: {said}\n{}", outcome.text);
    }
    let odd = script(100, "model builtin", 100).replace("timestep 0.002", "timestep 0.0015");
    let outcome = machine.run(1, dir.path(), &odd);
    assert!(refusal(&outcome).contains("expected a time step that divides"), "{}", outcome.text);
    let reduced = "units lj\nlattice fcc 1.0\nregion box block 0 4 0 4 0 8\ncreate_box 2 box\ncreate_atoms 1 box\n\
                   region top block INF INF INF INF 4 8\nset region top type 2\nmass * 1.0\npair_style lj/cut 2.5\n\
                   pair_coeff * * 1.0 1.0\ngroup a type 1\ngroup b type 2\n\
                   fix w all foreshock 10 a b region 2 cutoff 1 1 1.5 1 2 1.5 2 2 1.5 reference 0.1 baseline 0.1 1 \
                   lag 0.1 model own.safetensors\nrun 10\n";
    let outcome = machine.run(1, dir.path(), reduced);
    assert!(refusal(&outcome).contains("units = 'lj'"), "{}", outcome.text);
}
