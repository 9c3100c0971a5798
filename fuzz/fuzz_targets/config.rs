//! Any bytes as the fix's `config FILE.yaml`.
#![no_main]

use std::io::Write;

use foreshock::config::{Context, parse};
use foreshock::units::UnitStyle;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    file.write_all(data).expect("writable");
    let context = Context {
        units: UnitStyle::Metal,
        ntypes: 3,
        dt_ps: 0.001,
        dimension: 3,
        groups: ["all", "a", "b"].map(String::from).to_vec(),
    };
    let path = file.path().to_str().expect("a temporary name");
    let words = ["w", "all", "foreshock", "50", "a", "b", "config", path].map(String::from);
    if let Ok(config) = parse(&words, &context) {
        let _ = (config.describe(), config.to_json());
    }
});
