//! What packing does to a run: its frames as recorded and as packed go through the same window stage.

use serde::Serialize;

use super::recorded::Recorded;
use super::rounding;
use crate::frame::Frame;
use crate::window::WindowStage;

/// Differences between frames as recorded and as packed.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Fidelity {
    /// Frames with an instability index.
    pub frames: u64,
    /// |difference| of the index of each of them, later sorted.
    #[serde(skip)]
    differences: Vec<f64>,
    /// Interfaces of which a CUSUM alarm (statistic at its level) was looked for.
    pub interfaces: u64,
    /// Of them, those in which the first one is at another frame.
    pub alarms_moved: u64,
    /// Largest distance that one moves, frames.
    pub alarms_moved_by: u64,
    /// Of them, those that have one in one version only.
    pub alarms_changed: u64,
}

impl Fidelity {
    /// Adds a run.
    ///
    /// # Errors
    /// When its frames do not fit its settings.
    pub fn add(&mut self, run: &Recorded, steps: &[Option<f64>]) -> crate::error::Result<()> {
        let mut stages = [(); 2].map(|()| WindowStage::new(run.header.settings.clone()));
        let mut alarms = [[None; 2]; 2];
        for frame in &run.frames {
            let values =
                frame.values.iter().zip(steps).map(|(&v, &step)| f64::from(rounding::round(v, step)));
            let packed = Frame { values: values.collect(), ..frame.clone() };
            let mut index = [f64::NAN; 2];
            for (version, frame) in [frame, &packed].into_iter().enumerate() {
                let output = stages[version].push(frame)?;
                index[version] = output.index;
                if output.cusum >= 1.0 && frame.interface < 2 {
                    alarms[version][frame.interface].get_or_insert(frame.index);
                }
            }
            let difference = (index[0] - index[1]).abs();
            if difference.is_finite() {
                self.frames += 1;
                self.differences.push(difference);
            }
        }
        let interfaces = run.header.settings.interfaces;
        self.interfaces += interfaces as u64;
        for (a, b) in alarms[0].iter().zip(&alarms[1]) {
            match (*a, *b) {
                (Some(a), Some(b)) => {
                    let distance: u64 = u64::abs_diff(a, b);
                    self.alarms_moved += u64::from(distance > 0);
                    self.alarms_moved_by = self.alarms_moved_by.max(distance);
                }
                (None, None) => {}
                (Some(_), None) | (None, Some(_)) => self.alarms_changed += 1,
            }
        }
        Ok(())
    }

    /// The difference of the index that a share of all frames does not exceed.
    #[must_use]
    pub fn quantile(&mut self, share: f64) -> f64 {
        self.differences.sort_by(f64::total_cmp);
        let last = self.differences.len().saturating_sub(1);
        self.differences.get((share * last as f64).round() as usize).copied().unwrap_or(f64::NAN)
    }
}
