//! Which descriptors an interface's index is made of, at every verdict and not only in alarms.
//!
//! Enters: samples. Leaves: the largest contributions, from the very window stage that the run itself
//! uses. A stream of another build (other descriptors), or one whose numbers would cost more memory or
//! time than a watcher has, gives none.

use crate::frame::Frame;
use crate::registry;
use crate::stream::Header;
use crate::window::WindowStage;
use crate::window::instability::Contribution;

/// Most samples of a lag, of a window and of a baseline that are followed.
const LIMITS: [usize; 3] = [500, 512, 5000];
/// Largest gap between samples that is bridged.
const GAP: u64 = 64;

/// The window stage of a run, as far as it can be followed.
#[derive(Debug, Default)]
pub struct Drivers {
    stage: Option<WindowStage>,
    last: Vec<Option<u64>>,
}

impl Drivers {
    /// A stage for this stream.
    #[must_use]
    pub fn new(header: &Header) -> Self {
        let settings = &header.settings;
        let baseline = (settings.baseline_length_ps / settings.sample_ps) as usize;
        let sizes = [settings.lag_samples(), settings.window, baseline];
        let affordable = sizes.iter().zip(LIMITS).all(|(&size, limit)| size <= limit);
        let known = header.descriptors == registry::frame_names(settings.rdf);
        Self {
            stage: (affordable && known).then(|| WindowStage::new(settings.clone())),
            last: vec![None; settings.interfaces],
        }
    }

    /// Takes a sample; its contributions once the interface can be judged.
    pub fn push(&mut self, frame: &Frame) -> Option<Vec<Contribution>> {
        let stage = self.stage.as_mut()?;
        let last = self.last.get_mut(frame.interface)?;
        if last.is_some_and(|last| frame.index > last.saturating_add(GAP)) {
            // Too much is missing to say anything certain.
            self.stage = None;
            return None;
        }
        *last = Some(frame.index);
        // A frame twice, or out of order: the stage says so and stays as it is.
        Some(stage.push(frame).ok()?.message?.top)
    }
}
