//! Any bytes as a stream: read whole, and followed while they arrive in two parts. A good header comes
//! first in half of the cases, so that the fuzzer gets past it.
#![no_main]

use std::io::Write;
use std::time::{Duration, Instant};

use foreshock::stream::{Header, Line, Reader};
use foreshock::watch::{Follower, Status, json};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((&how, data)) = data.split_first() else { return };
    let mut file = tempfile::Builder::new().suffix(".jsonl").tempfile().expect("a file");
    if how & 1 == 1 {
        let header = Header { descriptors: vec!["gap".into()], ..Header::example() };
        file.write_all(&Line::Header(Box::new(header)).to_bytes()).expect("writable");
    }
    let mut follower = Follower::new(file.path(), "fuzz");
    let start = Instant::now();
    let half = data.len() / 2;
    for (second, part) in [&data[..half], &data[half..]].into_iter().enumerate() {
        file.write_all(part).expect("writable");
        let now = start + Duration::from_secs(second as u64);
        // A restart line has it read again from the start, which happens a bounded number of times.
        let looks = (0..40).take_while(|_| {
            follower.look(now, 1 << 20, Instant::now() + Duration::from_secs(5));
            !follower.caught_up() && !matches!(follower.status(now), Status::Unusable(_))
        });
        assert!(looks.count() < 40, "never caught up");
        let _ = json::detail(0, &follower, now).to_string();
    }
    if let Ok(reader) = Reader::open(file.path()) {
        reader.for_each(drop);
    }
});
