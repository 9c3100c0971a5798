//! A small two-layer crystal with two interfaces, and fix lines short enough to reach a verdict in a
//! second.

#![allow(dead_code)] // every test program uses its own part

use std::path::Path;

/// 512 atoms, types 1 below and 2 above, 300 K, one sample each 10 steps of 2 fs.
pub const SLAB: &str = "
units metal
atom_modify map array
lattice fcc 3.615
region box block 0 4 0 4 0 8
create_box 2 box
region low block INF INF INF INF INF 3.99
create_atoms 1 region low
region high block INF INF INF INF 3.99 INF
create_atoms 2 region high
mass * 63.5
pair_style lj/cut 5.0
pair_coeff * * 0.4 2.3
group lower type 1
group upper type 2
velocity all create 300 87287
fix nve all nve
fix heat all langevin 300 300 0.1 48279
timestep 0.002
thermo 100
";

/// Settings that end the baseline at step 600.
pub const SHORT: &str = "reference 0.1 baseline 0.1 1.0 lag 0.1 cutoff 1 1 3.2 1 2 3.2 2 2 3.2 stress no";

/// Thermo line that shows what the fix says.
pub const THERMO: &str = "thermo_style custom step temp f_w f_w[5] f_w[6] f_w[8] f_w[10]\n";

/// From here on the crystal melts: an alarm follows within 200 steps.
pub const HEAT: &str = "fix heat all langevin 4000 4000 0.02 48279\n";

/// `fix w` on the slab with further words.
pub fn fix(words: &str) -> String {
    format!("fix w all foreshock 10 lower upper {SHORT} {words}\n")
}

/// A run that is healthy up to step 700 and melts then, with `words` on the fix line and `between` in
/// the middle.
pub fn failing(words: &str, between: &str) -> String {
    format!(
        "{SLAB}{}{THERMO}run 700\n{between}\n{HEAT}run 600\nprint \"second run ends at $(step)\"\n\
         run 100\nprint \"third run ends at $(step)\"\n",
        fix(words)
    )
}

/// The lines of a stream.
pub fn stream(path: &Path) -> Vec<serde_json::Value> {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    text.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
}

/// The lines of a stream of one type.
pub fn of_type(path: &Path, kind: &str) -> Vec<serde_json::Value> {
    stream(path).into_iter().filter(|line| line["type"] == kind).collect()
}

/// The number behind `text` in an output.
pub fn number_after(output: &str, text: &str) -> Option<i64> {
    let rest = &output[output.find(text)? + text.len()..];
    let word = rest.trim_start().split(|c: char| !c.is_ascii_digit()).next()?;
    word.parse().ok()
}
