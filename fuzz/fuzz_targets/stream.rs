//! Any bytes as a stream: read whole, and followed while they arrive in two parts. A good header comes
//! first in half of the cases, so that the fuzzer gets past it.
#![no_main]

use std::io::Write;
use std::time::{Duration, Instant};

use foreshock::stream::Reader;
use foreshock::watch::{Follower, json};
use libfuzzer_sys::fuzz_target;

const HEADER: &str = r#"{"type":"header","schema":1,"foreshock":"0","lammps":"0","units":"metal","dt_ps":0.002,"every":50,"atoms":8,"groups":["A","B"],"elements":[],"descriptors":["gap"],"model_hash":null,"detector":"cusum","threshold":1.0,"persist":3,"settings":{"interfaces":2,"sample_ps":0.1,"reference_ps":0.5,"baseline_start_ps":2.0,"baseline_length_ps":5.0,"lag_ps":1.0,"window":64,"rdf":false},"config":{}}
"#;

fuzz_target!(|data: &[u8]| {
    let Some((&how, data)) = data.split_first() else { return };
    let mut file = tempfile::Builder::new().suffix(".jsonl").tempfile().expect("a file");
    if how & 1 == 1 {
        file.write_all(HEADER.as_bytes()).expect("writable");
    }
    let mut follower = Follower::new(file.path(), "fuzz");
    let start = Instant::now();
    let mut look = |seconds: u64| {
        let now = start + Duration::from_secs(seconds);
        follower.look(now, 1 << 20, Instant::now() + Duration::from_secs(5));
        let _ = json::detail(0, &follower, now).to_string();
    };
    let half = data.len() / 2;
    for (second, part) in [&data[..half], &data[half..]].into_iter().enumerate() {
        file.write_all(part).expect("writable");
        for again in 0..20 {
            look(20 * second as u64 + again);
        }
    }
    if let Ok(reader) = Reader::open(file.path()) {
        reader.for_each(drop);
    }
});
