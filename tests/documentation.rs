//! What the documentation says about the program, compared with the program.
#![cfg(feature = "cli")]

use std::process::Command;

use foreshock::config::{Context, FixConfig, parse};
use foreshock::decision::StateCode;
use foreshock::units::UnitStyle;

const FIX: &str = include_str!("../docs/fix_foreshock.md");
const README: &str = include_str!("../README.md");

fn foreshock(args: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_foreshock")).args(args).output().expect("it was built");
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

/// All keywords of the fix, as it lists them itself when a word is none.
fn keywords() -> Vec<String> {
    let words = "w all foreshock 50 lower upper nonsense".split(' ').map(str::to_owned).collect::<Vec<_>>();
    let context = Context {
        units: UnitStyle::Metal,
        ntypes: 2,
        dt_ps: 0.002,
        dimension: 3,
        periodic: [true; 3],
        groups: ["all", "lower", "upper"].map(str::to_owned).to_vec(),
    };
    let message = parse(&words, &context).expect_err("no such keyword").message;
    let (_, list) = message.split_once("expected one of ").expect("a list");
    list.split(", ").map(str::to_owned).collect()
}

#[test]
fn descriptor_page_is_what_the_registry_makes() {
    let page = foreshock(&["descriptors", "--markdown"]);
    assert!(
        page == include_str!("../docs/descriptors.md"),
        "docs/descriptors.md is out of date: foreshock descriptors --markdown > docs/descriptors.md"
    );
}

#[test]
fn every_keyword_and_state_is_documented() {
    let keywords = keywords();
    assert!(keywords.len() > 20, "{keywords:?}");
    for keyword in &keywords {
        assert!(FIX.contains(&format!("*{keyword}*")), "docs/fix_foreshock.md lacks {keyword}");
        assert!(README.contains(&format!("| `{keyword}")), "README.md lacks {keyword}");
    }
    for state in StateCode::ALL {
        for (name, page) in [("docs/fix_foreshock.md", FIX), ("README.md", README)] {
            let row = format!("| {} | `{}` |", state.number(), state.name());
            assert!(page.contains(&row), "{name} lacks {row}");
        }
    }
}

#[test]
fn documented_defaults_are_the_fix_s() {
    let config = FixConfig::with_defaults(50, ["a".to_owned(), "b".to_owned()], 1);
    for row in [
        format!("| `region R` | {} ", config.region),
        format!("| `reference LENGTH` | {} ", config.reference),
        format!("| `baseline START LENGTH` | {} {} ", config.baseline_start, config.baseline_length),
        format!("| `lag TIME` | {} ", config.lag),
        format!("| `window L` | {} ", config.window),
        format!("| `persist K` | {} ", config.persist),
    ] {
        assert!(README.contains(&row), "README.md lacks {row}");
    }
}

#[test]
fn every_command_is_in_the_readme() {
    let help = foreshock(&["--help"]);
    let commands = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let names: Vec<&str> = commands
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .collect();
    assert!(names.len() >= 5, "{help}");
    for name in names {
        assert!(README.contains(&format!("`foreshock {name}")), "README.md lacks foreshock {name}");
    }
}
