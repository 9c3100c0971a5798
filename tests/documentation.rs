//! What the documentation says about the program, compared with the program.
#![cfg(feature = "cli")]

mod machine;
#[cfg(feature = "watch")]
mod streams;

use std::path::{Path, PathBuf};
use std::process::Command;

use foreshock::config::{Context, FixConfig, parse};
use foreshock::decision::StateCode;
use foreshock::stream::schema::Line;

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
    let context = Context::metal(2, &["all", "lower", "upper"]);
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
        // A long description goes on in lines that are further in.
        .filter_map(|line| line.strip_prefix("  ").filter(|rest| !rest.starts_with(' ')))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .collect();
    assert!(names.len() >= 5, "{help}");
    for name in names {
        assert!(README.contains(&format!("`foreshock {name}")), "README.md lacks foreshock {name}");
    }
}

/// A fenced block of a page: its words behind the fence, and its text.
struct Block {
    page: String,
    info: String,
    text: String,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All fenced blocks of the documentation.
fn blocks() -> Vec<Block> {
    let mut pages: Vec<PathBuf> = std::fs::read_dir(root().join("docs"))
        .expect("the documentation")
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .collect();
    pages.push(root().join("README.md"));
    let mut blocks = Vec::new();
    for path in pages {
        let text = std::fs::read_to_string(&path).expect("a page");
        let page = path.file_name().expect("a file").to_string_lossy().into_owned();
        let mut open: Option<Block> = None;
        for line in text.lines() {
            match (line.strip_prefix("```"), open.take()) {
                (Some(info), None) => {
                    open = Some(Block { page: page.clone(), info: info.to_owned(), text: String::new() });
                }
                (Some(_), Some(block)) => blocks.push(block),
                (None, Some(mut block)) => {
                    block.text.push_str(line);
                    block.text.push('\n');
                    open = Some(block);
                }
                (None, None) => {}
            }
        }
        assert!(open.is_none(), "{page}: a block without end");
    }
    blocks
}

fn blocks_of(info: &str) -> Vec<Block> {
    let found: Vec<Block> = blocks().into_iter().filter(|block| block.info == info).collect();
    assert!(!found.is_empty(), "no block ```{info} in the documentation");
    found
}

#[test]
fn whole_input_scripts_run_and_warn() {
    for block in blocks_of("lammps,run") {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let outcome =
            machine::Machine::current().run(1, dir.path(), &format!("log log.lammps\n{}", block.text)).ok();
        assert_eq!(outcome.lines("ALARM: interface").count(), 1, "{}: {}", block.page, outcome.text);
        assert!(dir.path().join("log.lammps.foreshock.json").is_file(), "{}", block.page);
        assert!(dir.path().join("run.jsonl").is_file(), "{}", block.page);
    }
}

#[test]
fn fix_lines_are_accepted() {
    let context = Context::metal(3, &["all", "sse", "anode", "lower", "upper", "silicate", "oxide"]);
    let mut seen = 0;
    for block in blocks().iter().filter(|block| block.info.starts_with("lammps")) {
        let text = block.text.replace("&\n", " ");
        for line in text.lines().filter(|line| line.starts_with("fix ") && line.contains(" foreshock ")) {
            let words: Vec<String> = line.split_whitespace().skip(1).map(str::to_owned).collect();
            let config = parse(&words, &context);
            assert!(config.is_ok(), "{}: {line}: {}", block.page, config.expect_err("checked").message);
            seen += 1;
        }
    }
    assert!(seen >= 3, "{seen} fix lines");
}

#[test]
fn every_line_of_a_stream_is_documented_and_reads() {
    let page = include_str!("../docs/formats.md");
    let mut kinds = Vec::new();
    for block in blocks_of("json") {
        for text in block.text.lines() {
            let line: Line = serde_json::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            // What is written again has every field there is, and must have been in the example.
            let again: serde_json::Value = serde_json::from_slice(&line.to_bytes()).expect("JSON");
            let example: serde_json::Value = serde_json::from_str(text).expect("JSON");
            assert_eq!(again, example);
            kinds.push(again["type"].as_str().expect("a type").to_owned());
            for key in again.as_object().expect("an object").keys().filter(|key| *key != "type") {
                assert!(page.contains(&format!("`{key}`")), "docs/formats.md lacks `{key}` of {text}");
            }
        }
    }
    kinds.sort();
    assert_eq!(kinds, ["alarm", "change", "drop", "event", "halt", "restart", "run", "sample", "verdict"]);
    for kind in kinds {
        assert!(page.contains(&format!("### `{kind}`")), "docs/formats.md lacks a section {kind}");
    }
}

#[test]
fn every_field_of_a_real_header_and_reason_is_documented() {
    let page = include_str!("../docs/formats.md");
    let dir = tempfile::tempdir().expect("a temporary folder");
    let block = blocks_of("lammps,run").remove(0);
    machine::Machine::current().run(1, dir.path(), &format!("log log.lammps\n{}", block.text)).ok();
    let stream = std::fs::read_to_string(dir.path().join("run.jsonl")).expect("the stream");
    let header: serde_json::Value =
        serde_json::from_str(stream.lines().next().expect("a line")).expect("JSON");
    assert_eq!(header["type"], "header");
    let reason = std::fs::read_to_string(dir.path().join("log.lammps.foreshock.json")).expect("the reason");
    let reason: serde_json::Value = serde_json::from_str(&reason).expect("JSON");
    for object in [&header, &header["settings"], &reason, &reason["alarm"], &reason["alarm"]["top"][0]] {
        for key in object.as_object().expect("an object").keys().filter(|key| *key != "type") {
            assert!(page.contains(&format!("`{key}`")), "docs/formats.md lacks `{key}`");
        }
    }
}

#[test]
fn label_files_and_settings_are_accepted() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let file = dir.path().join("file.yaml");
    for block in blocks_of("yaml,config") {
        std::fs::write(&file, &block.text).expect("writable");
        let words = format!("w all foreshock 50 lower upper config {}", file.display());
        let context = Context::metal(2, &["all", "lower", "upper"]);
        let config = parse(&words.split(' ').map(str::to_owned).collect::<Vec<_>>(), &context);
        assert!(config.is_ok(), "{}: {}", block.text, config.expect_err("checked").message);
    }
    for block in blocks_of("yaml,label") {
        std::fs::write(&file, &block.text).expect("writable");
        foreshock::label::Rules::read(&file, 3).unwrap_or_else(|e| panic!("{}: {e}", block.text));
    }
}

/// Command lines of `foreshock` in shell blocks, and the words behind it in code spans.
fn command_lines() -> Vec<(String, String)> {
    let mut lines = Vec::new();
    for block in blocks().iter().filter(|block| ["sh", "sh,run", "bash"].contains(&block.info.as_str())) {
        let found = block.text.lines().filter_map(|line| line.trim().strip_prefix("foreshock "));
        lines.extend(found.map(|words| (block.page.clone(), words.to_owned())));
    }
    lines
}

#[test]
fn options_in_command_lines_exist() {
    let lines = command_lines();
    assert!(lines.len() > 10, "{} command lines", lines.len());
    for (page, line) in lines {
        let words: Vec<&str> =
            line.split_whitespace().take_while(|word| !["&&", ">", "|"].contains(word)).collect();
        // Subcommands come first; the help of the deepest one lists the options.
        let learning = ["dataset", "label", "train", "evaluate", "model"].contains(&words[0]);
        let watching = ["watch", "serve", "report"].contains(&words[0]);
        let built = (cfg!(feature = "learn") || !learning) && (cfg!(feature = "watch") || !watching);
        if !built {
            continue;
        }
        let depth =
            if ["plugin", "campaign", "dataset", "interface", "table"].contains(&words[0]) { 2 } else { 1 };
        let help = foreshock(&[&words[..depth], &["--help"]].concat());
        for option in words.iter().filter(|word| word.starts_with('-')) {
            let listed = help.split(|c: char| c.is_whitespace() || c == ',').any(|word| word == *option);
            assert!(listed, "{page}: foreshock {line}: no {option} in\n{help}");
        }
    }
}

/// Commands that end by themselves, in a folder with a recording, a folder of recordings and the examples.
#[cfg(feature = "watch")]
#[test]
fn shell_examples_run() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    for name in ["run.jsonl", "scratch/run-17/run.jsonl", "scratch/campaign/run.jsonl"] {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a fresh folder");
        std::fs::write(path, streams::run(150, 110)).expect("writable");
    }
    std::os::unix::fs::symlink(root().join("examples"), dir.path().join("examples")).expect("a link");
    let program = Path::new(env!("CARGO_BIN_EXE_foreshock")).parent().expect("a file has a folder");
    for block in blocks_of("sh,run") {
        for line in block.text.lines() {
            let output = Command::new("bash")
                .args(["-c", line])
                .current_dir(dir.path())
                .env("PATH", format!("{}:/usr/bin:/bin", program.display()))
                .env("HOME", dir.path())
                .output()
                .expect("a shell");
            // 1 is a warning, and there is one in the recordings.
            let most = i32::from(line.starts_with("foreshock "));
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.code().is_some_and(|code| code <= most), "{}: {line}: {said}", block.page);
        }
    }
    for made in ["cell/interface.data", "report.html", "campaign.html", ".local/share/man/man1/foreshock.1"] {
        assert!(dir.path().join(made).is_file(), "{made}");
    }
}

/// The job script of docs/cluster.md, without a cluster: one run ends, one is halted, one fails, one is out of
/// time and is continued by the next job.
#[test]
fn the_job_script_resubmits_and_moves_on() {
    let script =
        blocks_of("bash").into_iter().find(|block| block.text.contains("#SBATCH")).expect("the job script");
    let machine = machine::Machine::current();
    let dir = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(dir.path().join("chain.sh"), &script.text).expect("writable");
    let whole = blocks_of("lammps,run").remove(0).text;
    let short = "units lj\nlattice fcc 0.8\nregion b block 0 2 0 2 0 2\ncreate_box 1 b\ncreate_atoms 1 box\nmass 1 1\n\
                 pair_style lj/cut 1.2\npair_coeff 1 1 1 1\n";
    let done = "print 'done' file DONE\n";
    // Out of time in the first job, done in the second: it finds the restart file then.
    let long = format!(
        "if \"${{continued}}\" then \"read_restart restart.*\" \"print 'done' file DONE\" quit\n{short}run 1\nwrite_restart restart.1\n"
    );
    let inputs = [
        ("ends", format!("{short}run 1\n{done}")),
        ("halted", whole),
        ("fails", "no_such_command\n".to_owned()),
        ("long", long),
        ("after", format!("{short}run 1\n{done}")),
    ];
    let mut list = String::new();
    for (name, input) in &inputs {
        std::fs::create_dir(dir.path().join(name)).expect("a fresh folder");
        std::fs::write(dir.path().join(name).join("in.lammps"), input).expect("writable");
        list += &format!("{name}\n");
    }
    std::fs::write(dir.path().join("runs.txt"), list).expect("writable");
    let job = || {
        let path = format!("{}:/usr/bin:/bin", machine.venv.join("bin").display());
        let mut command = Command::new("bash");
        command
            .args(["chain.sh", "runs.txt"])
            .current_dir(dir.path())
            .env("PATH", path)
            .env("LAUNCH", "mpiexec -n 1")
            .env("SUBMIT", "echo submitted")
            .env("OMP_NUM_THREADS", "1")
            .env("LAMMPS_PLUGIN_PATH", machine.plugin.parent().expect("a file has a folder"));
        machine::finish(command, "the job script").ok()
    };
    let there = |name: &str| dir.path().join(name).exists();
    let first = job();
    assert!(there("ends/DONE") && there("halted/HALTED") && there("fails/FAILED"), "{}", first.text);
    assert!(!there("halted/DONE") && !there("long/DONE") && !there("after/log.lammps"), "{}", first.text);
    assert!(first.text.contains("submitted chain.sh runs.txt"), "{}", first.text);
    let reason = std::fs::read_to_string(dir.path().join("halted/HALTED")).expect("the reason");
    assert!(reason.contains("\"halt\": \"soft\""), "{reason}");
    let second = job();
    assert!(there("long/DONE") && there("after/DONE"), "{}", second.text);
    assert!(!second.text.contains("submitted"), "{}", second.text);
}
