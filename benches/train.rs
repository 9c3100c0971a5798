//! Windows trained per second: batch, noise, forward, backward and step of the models of
//! examples/learn/paper.yaml on windows of 64 frames of 162 channels, 64 a step, one thread. Seconds are CPU
//! time, so that other work on the machine does not count. `make bench-train` sets PyTorch beside it
//! (examples/learn/torch_speed.py, the same models and steps).
//!
//! Data are arbitrary numbers: time does not depend on them.

use foreshock::learn::network::fit::{Part, fit};
use foreshock::learn::sequence::{Sequence, Stretch};
use foreshock::learn::training::{Epoch, Observer, Training};
use foreshock::model::spec::{EncoderSpec, NetworkSpec, Readout};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;

// As the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const CHANNELS: usize = 162;
const WINDOW: usize = 64;
const BATCH: usize = 64;
const STEPS: usize = 12;

/// Seconds of each step, the first two left out.
struct Clock {
    last: f64,
    seconds: Vec<f64>,
}

/// CPU time of this process.
fn cpu_seconds() -> f64 {
    let used = getrusage(UsageWho::RUSAGE_SELF).expect("always there");
    1e-6 * (used.user_time().num_microseconds() + used.system_time().num_microseconds()) as f64
}

impl Observer for Clock {
    fn step(&mut self, _: usize, step: usize, _: usize, _: f64) -> bool {
        if step > 2 {
            self.seconds.push(cpu_seconds() - self.last);
        }
        self.last = cpu_seconds();
        true
    }

    fn epoch(&mut self, _: &Epoch) -> bool {
        true
    }
}

fn main() -> foreshock::Result<()> {
    let sequences: Vec<Sequence> = (0..BATCH * STEPS)
        .map(|k| Sequence {
            channels: CHANNELS,
            inputs: (0..WINDOW * CHANNELS).map(|v| ((v * 7 + k * 13) as f32 * 0.37).sin()).collect(),
            state: (0..WINDOW).map(|t| Some(((t + k) % 3) as u8)).collect(),
            warning: (0..WINDOW).map(|t| Some((t + k) % 2 == 0)).collect(),
        })
        .collect();
    let stretches: Vec<Stretch> =
        (0..sequences.len()).map(|k| Stretch { sequence: k, start: 0, from: 0, end: WINDOW }).collect();
    let encoders = [
        ("lstm 48", EncoderSpec::Lstm { width: 48, layers: 1 }),
        ("tcn 32 x 4", EncoderSpec::Tcn { width: 32, kernel: 3, dilations: vec![1, 2, 4, 8] }),
        ("transformer 32 x 2", EncoderSpec::Transformer { width: 32, heads: 4, layers: 2 }),
    ];
    println!("{:20} windows per CPU second, median of {} steps of {BATCH} windows", "model", STEPS - 2);
    for (name, encoder) in encoders {
        let spec = NetworkSpec {
            encoder,
            channels: CHANNELS,
            projection: 32,
            classes: 3,
            warning: true,
            readout: Readout::Last,
            dropout: 0.3,
        };
        let training = Training { epochs: 1, batch: BATCH, dropout: 0.3, noise: 0.1, ..Training::default() };
        let mut clock = Clock { last: cpu_seconds(), seconds: Vec::new() };
        let part = |stretches| Part { sequences: &sequences, stretches };
        fit(&spec, &training, part(&stretches), part(&stretches[..1]), None, &mut clock)?;
        clock.seconds.sort_by(f64::total_cmp);
        println!("{name:20} {:9.0}", BATCH as f64 / clock.seconds[clock.seconds.len() / 2]);
    }
    Ok(())
}
