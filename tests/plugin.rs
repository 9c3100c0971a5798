//! The shared object as users get it: what it exports, what loads it, and what refuses it.

mod machine;

use std::process::Command;

use machine::{Machine, finish};

#[test]
fn each_release_loads_its_own_plugin_on_one_and_two_ranks() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    for machine in [Machine::current(), Machine::of_2024()] {
        for ranks in [1, 2] {
            let outcome = machine.run(ranks, dir.path(), "plugin list\n").ok();
            assert_eq!(outcome.lines("fix style plugin foreshock").count(), 1, "{}", outcome.text);
        }
    }
}

#[test]
fn a_plugin_for_another_release_refuses_in_one_line() {
    let (current, old) = (Machine::current(), Machine::of_2024());
    let dir = tempfile::tempdir().expect("a temporary directory");
    for (host, plugin) in [(&current, &old), (&old, &current)] {
        let crossed = Machine { venv: host.venv.clone(), plugin: plugin.plugin.clone() };
        for ranks in [1, 2] {
            let outcome = crossed.run(ranks, dir.path(), "plugin list\n").ok();
            let lines: Vec<&str> =
                outcome.lines("foreshock").filter(|line| !line.contains("plugin load")).collect();
            assert_eq!(lines.len(), 1, "{}", outcome.text);
            assert!(lines[0].contains("20250722") && lines[0].contains("20240829"), "{}", lines[0]);
        }
    }
}

#[test]
fn the_plugin_exports_its_entry_point_only_and_links_neither_lammps_nor_mpi() {
    for machine in [Machine::current(), Machine::of_2024()] {
        let names = output(Command::new("nm").args(["-D", "--defined-only", "-j"]).arg(&machine.plugin));
        assert_eq!(names.trim(), "lammpsplugin_init");
        let dynamic = output(Command::new("readelf").arg("-d").arg(&machine.plugin));
        assert!(dynamic.contains("NODELETE"), "{dynamic}");
        assert!(!dynamic.contains("liblammps") && !dynamic.contains("libmpi"), "{dynamic}");
    }
}

#[test]
fn building_again_with_nothing_changed_leaves_the_file_alone() {
    let machine = Machine::current();
    let before = modified(&machine);
    let target = machine.plugin.ancestors().nth(3).expect("TARGET/plugin/RELEASE/foreshockplugin.so");
    let mut command = Command::new(env!("CARGO_BIN_EXE_foreshock"));
    command.args(["plugin", "build", "--load-check", "--python"]).arg(&machine.venv);
    command.env("CARGO_TARGET_DIR", target);
    let outcome = finish(command, "foreshock plugin build").ok();
    assert!(outcome.text.contains(&format!("plugin load {}", machine.plugin.display())), "{}", outcome.text);
    assert_eq!(modified(&machine), before);
}

#[test]
fn the_doctor_is_content_with_what_make_set_up() {
    for machine in [Machine::current(), Machine::of_2024()] {
        let tools = std::env::join_paths(
            [Machine::current().venv.join("bin")]
                .into_iter()
                .chain(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())),
        )
        .expect("entries of PATH have no separators");
        let mut command = Command::new(env!("CARGO_BIN_EXE_foreshock"));
        command.args(["doctor", "--json", "--python"]).arg(&machine.venv);
        command.arg("--plugin").arg(&machine.plugin).env("PATH", tools).env_remove("LAMMPS_PLUGIN_PATH");
        let outcome = finish(command, "foreshock doctor");
        let report: serde_json::Value = serde_json::from_str(&outcome.text).expect("the report is JSON");
        assert_eq!(report["worst"], "ok", "{report:#}");
        assert_eq!(outcome.status.code(), Some(0));
    }
}

#[test]
fn the_doctor_names_a_plugin_of_another_release() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_foreshock"));
    command.args(["doctor", "--python"]).arg(Machine::of_2024().venv);
    command.arg("--plugin").arg(Machine::current().plugin);
    let outcome = finish(command, "foreshock doctor");
    assert_eq!(outcome.status.code(), Some(2), "{}", outcome.text);
    assert_eq!(
        outcome.lines("built for LAMMPS 20250722, this one is 20240829").count(),
        1,
        "{}",
        outcome.text
    );
}

fn modified(machine: &Machine) -> std::time::SystemTime {
    machine.plugin.metadata().and_then(|data| data.modified()).expect("the plugin is there")
}

fn output(command: &mut Command) -> String {
    let output = command.output().expect("binutils come with the compiler");
    String::from_utf8_lossy(&output.stdout).into_owned()
}
