//! Every wrong fix line of `tests/inputs/bad/` is refused at the right word with the right message,
//! and every valid one of `tests/inputs/good/` is understood as documented.

mod fix_lines;

use fix_lines::{Case, Setting, Table};
use foreshock::config::{ArgError, Change, Context, FixConfig, Halt, modify, parse};
use foreshock::units::UnitStyle;

/// Parses a case with its files in an own directory, which is not shown in messages.
fn run(table: &Table, case: &Case) -> Result<FixConfig, ArgError> {
    let directory = tempfile::tempdir().expect("a temporary directory");
    case.write_files(directory.path());
    let shown = format!("{}/", directory.path().display());
    let mut words = case.words();
    for at in 1..words.len() {
        if words[at - 1] == "config" && words[at] != "config" {
            words[at] = format!("{shown}{}", words[at]);
        }
    }
    parse(&words, &context(table.setting(case))).map_err(|mut error| {
        error.message = error.message.replace(&shown, "");
        error
    })
}

fn context(setting: Setting) -> Context {
    let units = UnitStyle::parse(&setting.units).expect("a unit style");
    Context {
        units,
        ntypes: setting.types,
        atoms: 1200,
        dt_ps: setting.timestep * units.time(),
        dimension: setting.dimension,
        groups: setting.groups,
    }
}

#[test]
fn every_wrong_line_is_refused_word_for_word() {
    let table = Table::read("bad/fix_lines.yaml");
    assert!(table.cases.len() >= 45, "{} cases", table.cases.len());
    let mut wrong = Vec::new();
    for case in &table.cases {
        let expected = (case.word.expect("word"), case.message.clone().expect("message"));
        match run(&table, case) {
            Ok(config) => wrong.push(format!("accepted: {}\n  {}", case.line, config.describe())),
            Err(error) if (error.word, &error.message) == (expected.0, &expected.1) => {
                assert!(error.word < case.words().len(), "no such word: {}", case.line);
                assert!(!error.message.contains('\n'), "more than one line: {}", error.message);
            }
            Err(error) => wrong.push(format!(
                "{}\n  expected {} {}\n  found    {} {}",
                case.line, expected.0, expected.1, error.word, error.message
            )),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_valid_line_is_described_word_for_word() {
    let table = Table::read("good/fix_lines.yaml");
    let mut wrong = Vec::new();
    for case in &table.cases {
        let expected = case.describe.as_deref().expect("describe");
        match run(&table, case) {
            Ok(config) => {
                let found = config.describe();
                if found != expected {
                    wrong.push(format!("{}\n  expected {expected}\n  found    {found}", case.line));
                }
                let header = config.to_json().to_string();
                let value = serde_json::from_str(&header).expect("own JSON");
                // Whether the model was asked for is the line's affair: a recording names who spoke.
                let asked = FixConfig { model_unasked: false, ..config };
                assert_eq!(FixConfig::from_json(&value).expect("own header"), asked, "{}", case.line);
            }
            Err(error) => wrong.push(format!("refused: {}\n  {} {}", case.line, error.word, error.message)),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_wrong_fix_modify_is_refused_word_for_word() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/inputs/bad/fix_modify.yaml");
    let text = std::fs::read_to_string(path).expect("the table is part of the repository");
    let table: std::collections::BTreeMap<String, Vec<Case>> = serde_yaml::from_str(&text).expect("a table");
    for case in &table["cases"] {
        let error = modify(&case.words()[1..]).expect_err(&case.line);
        assert_eq!(
            (Some(error.word), Some(&error.message)),
            (case.word, case.message.as_ref()),
            "{}",
            case.line
        );
    }
}

#[test]
fn fix_modify_changes_what_it_names_and_nothing_else() {
    let before = FixConfig::with_defaults(50, ["lower".to_owned(), "upper".to_owned()], 2);
    let mut config = before.clone();
    for (line, change) in [
        ("warn 2.5", Change::Warn(Some(2.5))),
        ("persist 7 halt no", Change::Persist(7)),
        ("halt hard", Change::Halt(Halt::Hard)),
    ] {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        let read = modify(&words).expect(line);
        assert_eq!(read, change);
        config.apply(read);
    }
    let expected = FixConfig { warn: Some(2.5), persist: 7, halt: Halt::Hard, ..before };
    assert_eq!(config, expected);
}

/// Lines of the table's own words in random order: each is understood or refused at one of its words,
/// in one line of text, and an accepted one survives the stream's header.
#[test]
fn shuffled_words_never_break_the_parser() {
    let table = Table::read("bad/fix_lines.yaml");
    let mut vocabulary: Vec<String> = table.cases.iter().flat_map(Case::words).collect();
    vocabulary.extend(["", "-", "*", ",", "1,,2", "18446744073709551616", "é", "none"].map(str::to_owned));
    vocabulary.sort();
    vocabulary.dedup();
    let mut settings = vec![table.context.clone(); 3];
    settings[1].units = "lj".to_owned();
    settings[2].dimension = 2;
    let contexts: Vec<Context> = settings.into_iter().map(context).collect();

    let mut state = 2026_u64;
    let mut next = |n: usize| {
        // Knuth's MMIX generator; its high bits are good enough to pick words.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 33) as usize) % n
    };
    let start: Vec<String> = ["w", "all", "foreshock", "50", "lower", "upper"].map(str::to_owned).to_vec();
    let (mut accepted, mut refused) = (0, 0);
    for _ in 0..30_000 {
        let mut words = start[..=next(start.len())].to_vec();
        words.extend((0..next(6)).map(|_| vocabulary[next(vocabulary.len())].clone()));
        match parse(&words, &contexts[next(contexts.len())]) {
            Ok(config) => {
                accepted += 1;
                assert_eq!(FixConfig::from_json(&config.to_json()).expect("own header"), config, "{words:?}");
            }
            Err(error) => {
                refused += 1;
                assert!(error.word < words.len(), "{words:?}: {error:?}");
                assert!(!error.message.contains('\n'), "{words:?}: {error:?}");
            }
        }
    }
    assert!(accepted > 100 && refused > 1000, "{accepted} accepted, {refused} refused");
}
