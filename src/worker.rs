//! The inference thread.
//!
//! Enters: [`WindowMessage`]s. Leaves: [`Answer`]s with the detector's [`Score`]. Rank 0 only.
//!
//! # Threads and ordering
//! One thread named `foreshock-infer` owns the detector. Windows go through a bounded channel and
//! answers come back in the order of submission. [`Worker::submit`] never blocks: when the queue is
//! full the window's inference is skipped and counted. [`Worker::submit_blocking`] and
//! [`Worker::drain`] wait, for room and for the answers to everything submitted. [`Worker::save`] and
//! [`Worker::load`] take their turn in the same channel and wait for the thread. A panic in the detector ends the thread, not the process:
//! every later call reports [`Worker::dead`] and none of them waits.
//!
//! # Shutdown
//! Dropping the worker (or [`Worker::shutdown`]) tells the thread to skip what is queued, closes the
//! channel and joins: it takes as long as the inference in progress.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Instant;

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded, unbounded};

use crate::decision::Score;
use crate::error::{Error, Result};
use crate::restart::{Decoder, Encoder};
use crate::window::WindowMessage;

/// Windows that may wait for the thread.
pub const QUEUE: usize = 8;

/// Version of a detector's saved state.
const STATE_VERSION: u32 = 1;

/// What scores windows. Implementations live on the inference thread.
pub trait Detector: Send {
    /// Name in streams and messages.
    fn name(&self) -> &'static str;

    /// Threshold of `warn auto`.
    fn threshold(&self) -> f64;

    /// Scores one window. Windows may be missing (dropped) but come in order.
    fn infer(&mut self, window: &WindowMessage) -> Score;

    /// Whether a lost surface counts as a window over the threshold. A detector that compares an interface
    /// with its own healthy past has nothing left to compare.
    fn alarms_without_surface(&self) -> bool {
        true
    }

    /// Saves what later scores depend on beside their windows. Detectors without memory of their own have
    /// nothing to save.
    fn encode(&self, _out: &mut Encoder) {}

    /// Replaces that by what a detector of the same kind and model saved.
    ///
    /// # Errors
    /// [`Error::State`] when it does not fit.
    fn decode(&mut self, _input: &mut Decoder<'_>) -> Result<()> {
        Ok(())
    }
}

/// The model-free detector: the CUSUM on the instability index over its alarm level. Its state lives
/// in the window stage, so dropped windows do not change later scores.
#[derive(Debug, Clone, Copy, Default)]
pub struct Cusum;

impl Detector for Cusum {
    fn name(&self) -> &'static str {
        "cusum"
    }

    fn threshold(&self) -> f64 {
        1.0
    }

    fn infer(&mut self, window: &WindowMessage) -> Score {
        Score { score: window.cusum, p_warning: f64::NAN, p_states: [f64::NAN; 3], ood_p: f64::NAN }
    }
}

/// A scored window.
#[derive(Debug)]
pub struct Answer {
    /// The window.
    pub window: WindowMessage,
    /// Its score.
    pub score: Score,
    /// Seconds it waited in the queue.
    pub queue_s: f64,
    /// Seconds the detector took.
    pub inference_s: f64,
}

/// What became of a submitted window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Submitted {
    /// It is queued.
    Queued,
    /// The queue was full: this window is not scored.
    Dropped,
    /// The thread has died: no window is scored any more.
    Dead,
}

/// What the thread is asked for.
enum Job {
    /// To score a window that was submitted then.
    Score(Box<WindowMessage>, Instant),
    /// To save the detector's state.
    Save(Sender<Vec<u8>>),
    /// To continue from a saved one.
    Load(Vec<u8>, Sender<Result<()>>),
}

/// Handle of the inference thread.
#[derive(Debug)]
pub struct Worker {
    jobs: Option<Sender<Job>>,
    answers: Receiver<std::result::Result<Answer, String>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    outstanding: usize,
    dropped: u64,
    dead: Option<String>,
}

impl Worker {
    /// Starts the thread.
    ///
    /// # Errors
    /// [`Error::Limit`] when the system gives no thread.
    pub fn start(detector: Box<dyn Detector>) -> Result<Self> {
        let (jobs, queue) = bounded::<Job>(QUEUE);
        // Never more than QUEUE + 1 answers beyond those the caller has left unread.
        let (reply, answers) = unbounded();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::Builder::new()
            .name("foreshock-infer".to_owned())
            .spawn(move || serve(detector, &queue, &reply, &stopped))
            .map_err(|error| Error::Limit(format!("cannot start the inference thread: {error}")))?;
        Ok(Self {
            jobs: Some(jobs),
            answers,
            stop,
            thread: Some(thread),
            outstanding: 0,
            dropped: 0,
            dead: None,
        })
    }

    /// Queues a window; never blocks.
    pub fn submit(&mut self, window: WindowMessage) -> Submitted {
        let Some(jobs) = self.jobs.as_ref().filter(|_| self.dead.is_none()) else { return Submitted::Dead };
        match jobs.try_send(Job::Score(Box::new(window), Instant::now())) {
            Ok(()) => {
                self.outstanding += 1;
                Submitted::Queued
            }
            Err(TrySendError::Full(_)) => {
                self.dropped += 1;
                Submitted::Dropped
            }
            Err(TrySendError::Disconnected(_)) => Submitted::Dead,
        }
    }

    /// Queues a window and waits for room if need be; nothing is dropped. With [`Worker::drain`] after
    /// it, a caller has exactly the verdicts on its own windows.
    pub fn submit_blocking(&mut self, window: WindowMessage) -> Submitted {
        let Some(jobs) = self.jobs.as_ref().filter(|_| self.dead.is_none()) else { return Submitted::Dead };
        match jobs.send(Job::Score(Box::new(window), Instant::now())) {
            Ok(()) => {
                self.outstanding += 1;
                Submitted::Queued
            }
            Err(_) => Submitted::Dead,
        }
    }

    /// Answers that are there; never blocks.
    pub fn poll(&mut self) -> Vec<Answer> {
        let mut answers = Vec::new();
        while self.dead.is_none() {
            match self.answers.try_recv() {
                Ok(answer) => self.take(answer, &mut answers),
                Err(crossbeam_channel::TryRecvError::Empty) => break,
                Err(crossbeam_channel::TryRecvError::Disconnected) => self.lost(),
            }
        }
        answers
    }

    /// Waits for the answers to everything queued.
    pub fn drain(&mut self) -> Vec<Answer> {
        let mut answers = Vec::new();
        while self.outstanding > 0 && self.dead.is_none() {
            match self.answers.recv() {
                Ok(answer) => self.take(answer, &mut answers),
                Err(_) => self.lost(),
            }
        }
        answers
    }

    /// The detector's state after everything submitted, as a sealed block; `None` when the thread has died.
    pub fn save(&self) -> Option<Vec<u8>> {
        let (reply, state) = bounded(1);
        self.jobs.as_ref()?.send(Job::Save(reply)).ok()?;
        state.recv().ok()
    }

    /// Continues from a state that [`Worker::save`] gave.
    ///
    /// # Errors
    /// [`Error::State`] when it does not fit the detector, or the thread has died.
    pub fn load(&self, state: &[u8]) -> Result<()> {
        let died = || Error::State("cannot be taken up: the inference thread has died".to_owned());
        let (reply, outcome) = bounded(1);
        let jobs = self.jobs.as_ref().ok_or_else(died)?;
        jobs.send(Job::Load(state.to_vec(), reply)).map_err(|_| died())?;
        outcome.recv().map_err(|_| died())?
    }

    /// Why the thread has died, if it has.
    #[must_use]
    pub fn dead(&self) -> Option<&str> {
        self.dead.as_deref()
    }

    /// Windows whose inference was skipped because the queue was full.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Continues a restart's count of dropped windows.
    pub fn set_dropped(&mut self, dropped: u64) {
        self.dropped = dropped;
    }

    /// Ends the thread. Called on drop too; a second call does nothing.
    pub fn shutdown(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // The thread catches the detector's panics; if it unwound all the same, `dead` says so.
            if thread.join().is_err() {
                self.lost();
            }
        }
    }

    fn take(&mut self, answer: std::result::Result<Answer, String>, answers: &mut Vec<Answer>) {
        match answer {
            Ok(answer) => {
                self.outstanding -= 1;
                answers.push(answer);
            }
            Err(message) => {
                self.outstanding = 0;
                self.dead = Some(message);
            }
        }
    }

    fn lost(&mut self) {
        self.outstanding = 0;
        self.dead.get_or_insert_with(|| "the inference thread ended without a message".to_owned());
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.shutdown();
    }
}

fn serve(
    mut detector: Box<dyn Detector>,
    queue: &Receiver<Job>,
    reply: &Sender<std::result::Result<Answer, String>>,
    stop: &AtomicBool,
) {
    while let Ok(job) = queue.recv() {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let (window, submitted) = match job {
            Job::Score(window, submitted) => (*window, submitted),
            // Whoever asked may have gone.
            Job::Save(reply) => {
                let mut out = Encoder::new();
                detector.encode(&mut out);
                let _ = reply.send(out.seal(detector.name(), STATE_VERSION));
                continue;
            }
            Job::Load(state, reply) => {
                let _ = reply.send(load(detector.as_mut(), &state));
                continue;
            }
        };
        let queue_s = submitted.elapsed().as_secs_f64();
        let started = Instant::now();
        // Unwind safety: after a panic the detector is never used again.
        let answer = match catch_unwind(AssertUnwindSafe(|| {
            crate::faults::strike("worker", window.frame, 0);
            detector.infer(&window)
        })) {
            Ok(score) => Ok(Answer { window, score, queue_s, inference_s: started.elapsed().as_secs_f64() }),
            Err(panic) => {
                let cause = panic
                    .downcast_ref::<&str>()
                    .map(|s| (*s).to_owned())
                    .or_else(|| panic.downcast_ref::<String>().cloned())
                    .unwrap_or_else(|| "no message".to_owned());
                Err(format!(
                    "detector {} panicked on interface {}, step {}: {cause}",
                    detector.name(),
                    window.interface,
                    window.step
                ))
            }
        };
        let died = answer.is_err();
        if reply.send(answer).is_err() || died {
            return;
        }
    }
}

fn load(detector: &mut dyn Detector, state: &[u8]) -> Result<()> {
    let mut input = Decoder::open(state, detector.name(), STATE_VERSION)?;
    detector.decode(&mut input)?;
    input.finish()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use ndarray::Array2;
    use std::time::Duration;

    /// Scores after a wait.
    pub(crate) struct Slow(pub Duration);

    impl Detector for Slow {
        fn name(&self) -> &'static str {
            "slow"
        }

        fn threshold(&self) -> f64 {
            1.0
        }

        fn infer(&mut self, window: &WindowMessage) -> Score {
            std::thread::sleep(self.0);
            Cusum.infer(window)
        }
    }

    /// Panics at a frame.
    pub(crate) struct Panicking(pub u64);

    impl Detector for Panicking {
        fn name(&self) -> &'static str {
            "panicking"
        }

        fn threshold(&self) -> f64 {
            1.0
        }

        fn infer(&mut self, window: &WindowMessage) -> Score {
            assert!(window.frame < self.0, "bad weight at frame {}", window.frame);
            Cusum.infer(window)
        }
    }

    fn window(frame: u64) -> WindowMessage {
        WindowMessage {
            interface: 0,
            frame,
            step: 50 * frame as i64,
            time_ps: 0.1 * frame as f64,
            features: Array2::zeros((8, 3)),
            capacity: 8,
            baseline: std::sync::Arc::from([]),
            index: 0.5,
            cusum: 0.01 * frame as f64,
            top: Vec::new(),
        }
    }

    fn worker(detector: impl Detector + 'static) -> Worker {
        Worker::start(Box::new(detector)).expect("a thread")
    }

    #[test]
    fn answers_come_in_order_and_drain_waits_for_all() {
        let mut worker = worker(Slow(Duration::from_millis(5)));
        for frame in 0..6 {
            assert_eq!(worker.submit(window(frame)), Submitted::Queued);
        }
        let mut answers = worker.poll();
        answers.extend(worker.drain());
        let scores: Vec<(u64, f64)> = answers.iter().map(|a| (a.window.frame, a.score.score)).collect();
        assert_eq!(scores, (0..6).map(|f| (f, 0.01 * f as f64)).collect::<Vec<_>>());
        assert_eq!((worker.outstanding, worker.dropped()), (0, 0));
        assert!(answers[5].queue_s > answers[5].inference_s);
    }

    #[test]
    fn a_full_queue_drops_without_blocking() {
        let mut worker = worker(Slow(Duration::from_millis(200)));
        let started = Instant::now();
        let queued = (0..100).filter(|&frame| worker.submit(window(frame)) == Submitted::Queued).count();
        assert!(started.elapsed() < Duration::from_millis(1000), "{:?}", started.elapsed());
        assert!((QUEUE..=QUEUE + 1).contains(&queued), "{queued}");
        assert_eq!(worker.dropped(), 100 - queued as u64);
        let started = Instant::now();
        drop(worker);
        assert!(started.elapsed() < Duration::from_millis(1200), "shutdown ran the whole queue");
    }

    #[test]
    fn blocking_submission_drops_nothing_and_drain_waits_for_it() {
        let mut worker = worker(Slow(Duration::from_millis(2)));
        for frame in 0..3 * QUEUE as u64 {
            assert_eq!(worker.submit_blocking(window(frame)), Submitted::Queued);
        }
        let frames: Vec<u64> = worker.drain().iter().map(|a| a.window.frame).collect();
        assert_eq!(frames, (0..3 * QUEUE as u64).collect::<Vec<_>>());
    }

    #[test]
    fn a_panic_is_a_state_and_nothing_hangs() {
        let mut worker = worker(Panicking(2));
        worker.submit_blocking(window(1));
        assert_eq!(worker.drain().len(), 1);
        worker.submit_blocking(window(2));
        assert!(worker.drain().is_empty());
        let message = worker.dead().expect("dead").to_owned();
        assert_eq!(message, "detector panicking panicked on interface 0, step 100: bad weight at frame 2");
        assert_eq!(worker.submit(window(3)), Submitted::Dead);
        assert_eq!(worker.submit_blocking(window(4)), Submitted::Dead);
        assert!(worker.poll().is_empty() && worker.drain().is_empty());
        worker.shutdown();
        worker.shutdown();
        assert_eq!(worker.dead(), Some(message.as_str()));
    }

    #[test]
    fn a_state_is_that_after_everything_submitted() {
        /// Remembers how many windows it saw.
        struct Counting(u64);

        impl Detector for Counting {
            fn name(&self) -> &'static str {
                "counting"
            }

            fn threshold(&self) -> f64 {
                1.0
            }

            fn infer(&mut self, window: &WindowMessage) -> Score {
                self.0 += 1;
                Score { score: self.0 as f64, ..Cusum.infer(window) }
            }

            fn encode(&self, out: &mut Encoder) {
                out.u64(self.0);
            }

            fn decode(&mut self, input: &mut Decoder<'_>) -> Result<()> {
                self.0 = input.u64()?;
                Ok(())
            }
        }
        let mut first = worker(Counting(0));
        for frame in 0..5 {
            first.submit_blocking(window(frame));
        }
        let state = first.save().expect("alive");
        let mut second = worker(Counting(0));
        second.load(&state).expect("its own state");
        second.submit_blocking(window(5));
        assert_eq!(second.drain()[0].score.score, 6.0);
        let message = worker(Cusum).load(&state).expect_err("another detector").to_string();
        assert!(message.contains("'counting' where 'cusum'"), "{message}");
        assert!(second.load(&state[..state.len() - 1]).is_err());
        let mut dead = worker(Panicking(0));
        dead.submit_blocking(window(0));
        dead.drain();
        assert_eq!(dead.save(), None);
        assert!(dead.load(&state).is_err());
    }

    #[test]
    fn a_dead_thread_never_blocks_a_full_queue() {
        let mut worker = worker(Panicking(0));
        for frame in 0..4 * QUEUE as u64 {
            worker.submit_blocking(window(frame));
        }
        assert!(worker.drain().is_empty());
        assert!(worker.dead().is_some());
    }

    #[test]
    fn a_panic_with_windows_behind_it_does_not_leave_drain_waiting() {
        let mut worker = worker(Panicking(1));
        for frame in 0..5 {
            worker.submit(window(frame));
        }
        assert_eq!(worker.drain().len(), 1);
        assert!(worker.dead().is_some());
    }

    #[test]
    fn threads_end_with_their_worker() {
        let threads = || {
            let tasks = std::fs::read_dir("/proc/self/task").expect("linux");
            tasks
                .filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok())
                .filter(|name| name.trim() == "foreshock-infer")
                .count()
        };
        // Other tests of this process have workers of their own, a handful at most.
        for frame in 0..100 {
            worker(Cusum).submit(window(frame));
        }
        assert!(threads() < 20, "{}", threads());
    }
}
