//! Any bytes as the fix's `config FILE.yaml`.
#![no_main]

use std::io::Write;

use foreshock::config::{Context, parse};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    file.write_all(data).expect("writable");
    let context = Context::metal(3, &["all", "a", "b"]);
    let path = file.path().to_str().expect("a temporary name");
    let words = ["w", "all", "foreshock", "50", "a", "b", "config", path].map(String::from);
    if let Ok(config) = parse(&words, &context) {
        let _ = (config.describe(), config.to_json());
    }
});
