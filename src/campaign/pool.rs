//! Workers: so many runs at a time, events to the caller.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};

use super::execute::{Job, Outcome, Workshop};
use super::record::Record;
use crate::error::{Error, Result};

/// What happened to a run.
#[derive(Debug)]
pub enum Event {
    /// It began.
    Started(String),
    /// It ended well.
    Finished(Box<Record>),
    /// It went to quarantine.
    Failed(Box<Record>),
    /// It was ended by the stop flag and left nothing.
    Stopped(String),
}

/// Does all `jobs` in their order, `workers` at a time, and reports to `report` on the caller's
/// thread. Ends early when the workshop's stop flag is set.
///
/// # Errors
/// The first error that concerns the campaign and not a single run, e.g. a full disk; the other
/// workers are stopped.
pub fn run_all(
    workshop: &Workshop,
    jobs: Vec<Job>,
    workers: usize,
    report: &mut dyn FnMut(Event),
) -> Result<()> {
    let queue = Mutex::new(VecDeque::from(jobs));
    let (sender, events) = crossbeam_channel::unbounded();
    std::thread::scope(|scope| {
        for _ in 0..workers.max(1) {
            let (sender, queue) = (sender.clone(), &queue);
            scope.spawn(move || work(workshop, queue, &sender));
        }
        drop(sender);
        let mut failure: Option<Error> = None;
        for event in events {
            match event {
                Ok(event) => report(event),
                Err(error) => {
                    workshop.stop.store(true, Ordering::Relaxed);
                    failure.get_or_insert(error);
                }
            }
        }
        failure.map_or(Ok(()), Err)
    })
}

fn work(
    workshop: &Workshop,
    queue: &Mutex<VecDeque<Job>>,
    events: &crossbeam_channel::Sender<Result<Event>>,
) {
    while !workshop.stop.load(Ordering::Relaxed) {
        let next = queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        let Some(job) = next else { return };
        // The receiver outlives the workers.
        let _ = events.send(Ok(Event::Started(job.id.clone())));
        let event = workshop.execute(&job).map(|outcome| match outcome {
            Outcome::Finished(record) => Event::Finished(record),
            Outcome::Failed(record) => Event::Failed(record),
            Outcome::Stopped => Event::Stopped(job.id.clone()),
        });
        let failed = event.is_err();
        let _ = events.send(event);
        if failed {
            return;
        }
    }
}
