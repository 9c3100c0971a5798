//! What an alarm does to a run: soft, hard, continue, no, on one rank and on two.

mod machine;
mod slab;

use machine::{Machine, Outcome};
use slab::{failing, number_after, of_type};
use std::path::Path;

/// Runs a script with a log file of its own, where the reason goes beside.
fn run(ranks: usize, dir: &Path, script: &str) -> Outcome {
    let script = format!("log run.log\n{script}");
    Machine::current().run(ranks, dir, &script)
}

fn reason(dir: &Path) -> serde_json::Value {
    let text = std::fs::read_to_string(dir.join("run.log.foreshock.json")).expect("the reason");
    serde_json::from_str(&text).expect("JSON")
}

#[test]
fn soft_ends_this_run_and_skips_later_ones() {
    for ranks in [1, 2] {
        let dir = tempfile::tempdir().expect("a directory");
        let script = failing("halt soft mode sync record r.jsonl", "");
        let outcome = run(ranks, dir.path(), &script).ok();
        let text = &outcome.text;
        let step = number_after(text, "halts the run at step").expect("the halt is logged");
        assert!((700..1200).contains(&step) && step % 10 == 0, "{step}");
        assert_eq!(outcome.lines("halts the run").count(), 1, "{text}");
        assert_eq!(outcome.lines("ALARM").count(), 1, "{text}");
        assert_eq!(number_after(text, "second run ends at"), Some(step));
        assert_eq!(number_after(text, "third run ends at"), Some(step), "a later run was not skipped");

        let reason = reason(dir.path());
        assert_eq!(reason["fix"], "w");
        assert_eq!(reason["halt"], "soft");
        assert_eq!(reason["decision_step"], step);
        assert_eq!(reason["stream"], "r.jsonl");
        assert_eq!(reason["alarm"]["window_end_step"], step, "mode sync");
        let words = reason["reason"].as_str().expect("words");
        assert!(words.contains(&format!("at step {step}")) && words.contains("sigma"), "{words}");

        let halts = of_type(&dir.path().join("r.jsonl"), "halt");
        assert_eq!(halts.len(), 1);
        assert_eq!((&halts[0]["step"], &halts[0]["mode"]), (&step.into(), &"soft".into()));
        assert_eq!(halts[0]["reason"], reason["reason"]);
    }
}

#[test]
fn hard_ends_with_an_error() {
    for ranks in [1, 2] {
        let dir = tempfile::tempdir().expect("a directory");
        let outcome = run(ranks, dir.path(), &failing("halt hard mode sync record r.jsonl", ""));
        assert_eq!(outcome.status.code(), Some(1), "{}", outcome.text);
        let errors: Vec<&str> = outcome.lines("ERROR").collect();
        assert_eq!(errors.len(), 1, "{}", outcome.text);
        let step = number_after(errors[0], "Fix foreshock w halts the run at step").expect("a step");
        assert!(errors[0].contains("consecutive windows"), "{}", errors[0]);
        assert!(!outcome.text.contains("second run ends"), "{}", outcome.text);
        assert_eq!(reason(dir.path())["halt"], "hard");
        assert_eq!(of_type(&dir.path().join("r.jsonl"), "halt")[0]["step"], step);
    }
}

#[test]
fn continue_ends_this_run_only() {
    for ranks in [1, 2] {
        let dir = tempfile::tempdir().expect("a directory");
        let outcome = run(ranks, dir.path(), &failing("halt continue mode sync", "")).ok();
        let step = number_after(&outcome.text, "halts the run at step").expect("the halt is logged");
        assert_eq!(number_after(&outcome.text, "second run ends at"), Some(step));
        // The same alarm does not halt again; the other interface's own may.
        assert!(number_after(&outcome.text, "third run ends at") > Some(step), "{}", outcome.text);
        let halts = outcome.lines("halts the run").count();
        let alarms: Vec<&str> = outcome.lines("ALARM: interface").collect();
        assert_eq!(halts, alarms.len(), "{}", outcome.text);
        assert!(halts == 1 || alarms[0][..40] != alarms[1][..40], "{alarms:?}");
    }
}

#[test]
fn shadow_mode_warns_and_goes_on() {
    for ranks in [1, 2] {
        let dir = tempfile::tempdir().expect("a directory");
        let outcome = run(ranks, dir.path(), &failing("halt no mode sync", "")).ok();
        assert!(outcome.lines("Fix foreshock w: ALARM: interface").count() >= 1, "{}", outcome.text);
        assert_eq!(outcome.lines("halts the run").count(), 0);
        assert_eq!(number_after(&outcome.text, "third run ends at"), Some(1400));
        assert!(!dir.path().join("run.log.foreshock.json").exists());
        // Column 5 is the alarm, column 10 the state: 6.
        let (names, rows) = outcome.thermo();
        let at = |name: &str| names.iter().position(|n| n == name).expect("a column");
        assert!(rows.iter().all(|row| row[at("f_w[5]")] == 1.0 && row[at("f_w[10]")] == 6.0), "{rows:?}");
    }
}

#[test]
fn message_no_is_silent_and_halts_all_the_same() {
    let dir = tempfile::tempdir().expect("a directory");
    let outcome = run(1, dir.path(), &failing("halt soft mode sync message no", "")).ok();
    assert_eq!(outcome.lines("oreshock w").count(), 0, "{}", outcome.text);
    let step = reason(dir.path())["decision_step"].as_i64().expect("a step");
    assert_eq!(number_after(&outcome.text, "third run ends at"), Some(step));
}

#[test]
fn without_a_log_the_reason_is_named_after_the_fix() {
    let dir = tempfile::tempdir().expect("a directory");
    Machine::current().run(1, dir.path(), &failing("halt soft mode sync", "")).ok();
    assert!(dir.path().join("w.foreshock.json").is_file());
}

#[test]
fn sync_halts_at_the_same_step_every_time() {
    let steps: Vec<_> = (0..3)
        .map(|_| {
            let dir = tempfile::tempdir().expect("a directory");
            run(2, dir.path(), &failing("halt soft mode sync", "")).ok();
            let reason = reason(dir.path());
            (reason["decision_step"].clone(), reason["alarm"].clone())
        })
        .collect();
    assert!(steps.iter().all(|s| s == &steps[0]), "{steps:?}");
}

#[test]
fn async_tells_when_a_window_ended_and_when_it_was_judged() {
    for ranks in [1, 2] {
        let dir = tempfile::tempdir().expect("a directory");
        run(ranks, dir.path(), &failing("halt soft mode async record r.jsonl", "")).ok();
        let reason = reason(dir.path());
        let (ended, decided) = (&reason["alarm"]["window_end_step"], &reason["decision_step"]);
        assert!(ended.as_i64() <= decided.as_i64() && ended.is_i64(), "{reason}");
        let stream = dir.path().join("r.jsonl");
        for line in of_type(&stream, "alarm").iter().chain(&of_type(&stream, "verdict")) {
            assert!(line["window_end_step"].as_i64() <= line["decision_step"].as_i64(), "{line}");
        }
        // The first alarm is the one that halts.
        let alarms = of_type(&stream, "alarm");
        assert_eq!((&alarms[0]["window_end_step"], &alarms[0]["decision_step"]), (ended, decided));
    }
}

#[test]
fn async_has_a_verdict_for_every_sample_at_the_end_of_a_run() {
    let dir = tempfile::tempdir().expect("a directory");
    run(1, dir.path(), &failing("halt no mode async record r.jsonl", "")).ok();
    let stream = dir.path().join("r.jsonl");
    let [samples, verdicts, drops] = ["sample", "verdict", "drop"].map(|kind| of_type(&stream, kind).len());
    assert_eq!(samples, 2 * 141);
    assert_eq!(verdicts + drops, samples);
}

#[test]
fn fix_modify_changes_the_decision_between_runs() {
    // Each makes an alarm impossible, or harmless, or possible again.
    for (words, between, halts) in [
        ("halt soft", "fix_modify w halt no", false),
        ("halt soft", "fix_modify w warn 1e9", false),
        ("halt soft", "fix_modify w persist 100000", false),
        ("halt no", "fix_modify w halt soft", true),
        ("halt soft warn 1e9 persist 1000", "fix_modify w warn auto persist 2", true),
    ] {
        let dir = tempfile::tempdir().expect("a directory");
        let script = failing(&format!("{words} mode sync record r.jsonl"), between);
        let outcome = run(1, dir.path(), &script).ok();
        let stopped = number_after(&outcome.text, "second run ends at").expect("printed") < 1300;
        assert_eq!(stopped, halts, "{words}, then {between}:\n{}", outcome.text);
        if !between.contains("halt") {
            assert!(!of_type(&dir.path().join("r.jsonl"), "change").is_empty());
        }
    }
}

#[test]
fn fix_modify_marks_the_wrong_word() {
    let dir = tempfile::tempdir().expect("a directory");
    for ranks in [1, 2] {
        let script = format!("{}{}fix_modify w halt soft persist 0\n", slab::SLAB, slab::fix(""));
        let outcome = run(ranks, dir.path(), &script);
        assert_eq!(outcome.status.code(), Some(1), "{}", outcome.text);
        let lines: Vec<&str> = outcome.text.lines().collect();
        let at = lines.iter().position(|l| l.trim_start().starts_with('^')).expect("a mark");
        let (command, mark) = (lines[at - 1], lines[at]);
        assert_eq!(command[mark.find('^').expect("a mark")..].trim(), "0", "{}", outcome.text);
        assert!(outcome.text.contains("fix_modify foreshock: persist = '0'"), "{}", outcome.text);
    }
}
