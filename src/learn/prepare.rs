//! From a data set to what models are trained on and scored with.
//!
//! Enters: a [`Table`]. Leaves: one [`Prepared`] per series: the rows that a window is cut from, which
//! frames get a verdict, and the targets there. Frames that the fix recorded go through the fix's own
//! window stage, so that training sees what a live run sees; other tables are taken as they are.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::dataset::series::stratum;
use crate::dataset::target::{Horizon, Target};
use crate::dataset::{Series, Table};
use crate::error::{Error, Result};
use crate::window::{MIN_WINDOW, Settings, WindowStage};

/// What is to be told apart.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// A verdict on every frame, from the window that ends there.
    #[default]
    Frames,
    /// One verdict on a whole series.
    Series,
}

/// One series, ready for models.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// Name of the run.
    pub run: String,
    /// Its lineage.
    pub lineage: String,
    /// The interface.
    pub interface: usize,
    /// Factors of the run.
    pub condition: BTreeMap<String, Value>,
    /// Elements of its atoms, where known.
    pub elements: Vec<String>,
    /// Atoms of its run, where known.
    pub atoms: Option<u64>,
    /// Time of each frame, ps.
    pub time_ps: Vec<f64>,
    /// Columns per row.
    pub width: usize,
    /// Frames x columns, row-major, NaN where undefined.
    pub rows: Vec<f32>,
    /// Mean and deviation per column over the run's own baseline, where it has one.
    pub baseline: Option<Vec<[f64; 2]>>,
    /// Frames with a verdict.
    pub judged: Vec<bool>,
    /// Time of the first verdict, ps; where there is none, when it was due.
    pub ready_ps: f64,
    /// When it was due, ps: the end of the baseline.
    pub due_ps: f64,
    /// First frame that any window holds.
    pub first: usize,
    /// Instability index and CUSUM at each frame, NaN where there is none.
    pub model_free: Vec<[f64; 2]>,
    /// Class at each judged frame.
    pub state: Vec<Option<u8>>,
    /// Warning target at each judged frame; `None` where not at risk or censored.
    pub warning: Vec<Option<bool>>,
    /// The event, ps.
    pub event_ps: Option<f64>,
    /// Begin of the reconstruction, ps.
    pub onset_ps: Option<f64>,
    /// Up to here it is known whether the event has happened, ps.
    pub end_ps: f64,
}

impl Prepared {
    /// Frames.
    #[must_use]
    pub fn frames(&self) -> usize {
        self.time_ps.len()
    }

    /// A frame's row.
    #[must_use]
    pub fn row(&self, frame: usize) -> &[f32] {
        &self.rows[frame * self.width..(frame + 1) * self.width]
    }

    /// Judged frames in order.
    pub fn verdicts(&self) -> impl Iterator<Item = usize> + '_ {
        self.judged.iter().enumerate().filter(|(_, judged)| **judged).map(|(frame, _)| frame)
    }

    /// As [`Series::stratum`].
    #[must_use]
    pub fn stratum(&self) -> String {
        stratum(&self.condition)
    }
}

/// A prepared data set.
#[derive(Debug, Clone)]
pub struct Set {
    /// Names of the columns.
    pub columns: Vec<String>,
    /// Names of the classes.
    pub classes: Vec<String>,
    /// The series of [`Table::labelled`], in that order.
    pub series: Vec<Prepared>,
    /// Frames of a window.
    pub window: usize,
    /// Time between frames, ps; NaN where they are not equally spaced.
    pub sample_ps: f64,
    /// Every how many frames of the recording are seen.
    pub every: usize,
    /// How the fix was set, where it recorded the series.
    pub settings: Option<Settings>,
    /// What is warned of.
    pub horizon: Horizon,
    /// Hash of the table.
    pub hash: String,
}

impl Set {
    /// Prepares the labelled series of a table. `window` is the frames of a window (`None`: the fix's, or
    /// the longest series); of recorded series only every `every`-th frame is seen, as if the fix had
    /// sampled less often.
    ///
    /// # Errors
    /// [`Error::Input`] when series do not fit each other or a column does not exist.
    pub fn new(
        table: &Table,
        task: Task,
        window: Option<usize>,
        every: usize,
        horizon: Horizon,
    ) -> Result<Self> {
        horizon.check()?;
        let chosen: Vec<&Series> = table.labelled().collect();
        let Some(first) = chosen.first() else {
            return Err(Error::input("data set", "no labelled series", "at least one"));
        };
        // A slab has one interface, a periodic cell two: no matter for one interface's windows.
        let of =
            |series: &Series| series.settings.clone().map(|settings| Settings { interfaces: 2, ..settings });
        if let Some(other) = chosen.iter().find(|s| of(s) != of(first)) {
            return Err(Error::input(
                "settings of the fix",
                format!("other in run {} than in run {}", other.run, first.run),
                "the same in all runs",
            ));
        }
        let longest = chosen.iter().map(|s| s.time_ps.len()).max().unwrap_or(1);
        let mut settings = of(first);
        if let Some(settings) = &mut settings {
            settings.window = window.unwrap_or(settings.window);
            settings.sample_ps *= every as f64;
            settings.check()?;
        }
        if settings.is_none() && every > 1 {
            return Err(Error::input("every", every, "1, as only what the fix recorded is thinned"));
        }
        let window = settings.as_ref().map(|s| s.window).or(window).unwrap_or(longest);
        let columns = match &settings {
            Some(settings) => settings.window_names(),
            None => table.features.iter().map(|f| f.as_str().to_owned()).collect(),
        };
        let series = chosen
            .iter()
            .map(|series| match &settings {
                Some(settings) => recorded(series, settings, every as u64, horizon),
                None => Ok(plain(series, task, horizon)),
            })
            .collect::<Result<Vec<_>>>()?;
        Ok(Self {
            columns,
            classes: table.classes.clone(),
            series,
            window,
            sample_ps: first.sample_ps * every as f64,
            every,
            settings,
            horizon,
            hash: table.hash.clone(),
        })
    }

    /// Positions of columns by name.
    ///
    /// # Errors
    /// [`Error::Input`] naming the first that does not exist.
    pub fn positions(&self, names: &[String]) -> Result<Vec<usize>> {
        names
            .iter()
            .map(|name| {
                self.columns
                    .iter()
                    .position(|column| column == name)
                    .ok_or_else(|| Error::input("column", name, "a column of the data set"))
            })
            .collect()
    }
}

/// A series that the fix recorded.
fn recorded(series: &Series, settings: &Settings, every: u64, horizon: Horizon) -> Result<Prepared> {
    // Each series is one interface: the window stage of a cell with as many is as good.
    let mut stage = WindowStage::new(settings.clone());
    let width = settings.window_names().len();
    let start = series.frame(0).index / every;
    let frames = usize::try_from(series.frame(series.time_ps.len() - 1).index / every - start + 1)
        .map_err(|error| Error::Limit(error.to_string()))?;
    let mut prepared = empty(series, frames, width);
    prepared.first = frames;
    (prepared.ready_ps, prepared.due_ps) = (settings.baseline_end_ps(), settings.baseline_end_ps());
    for row in 0..series.time_ps.len() {
        let mut frame = series.frame(row);
        if !frame.index.is_multiple_of(every) {
            continue;
        }
        frame.index /= every;
        let place = (frame.index - start) as usize;
        prepared.time_ps[place] = frame.time_ps;
        let output = stage.push(&frame)?;
        let Some(message) = output.message else { continue };
        let known = message.features.nrows();
        // The first window brings the rows before it; later ones what fell into a pause.
        for (k, values) in message.features.rows().into_iter().enumerate() {
            let at = (place + 1 + k).saturating_sub(known) * width;
            for (slot, value) in prepared.rows[at..at + width].iter_mut().zip(values) {
                *slot = *value as f32;
            }
        }
        if prepared.baseline.is_none() {
            prepared.baseline = Some(message.baseline.to_vec());
            prepared.first = place + 1 - known;
            prepared.ready_ps = frame.time_ps;
        }
        prepared.judged[place] = true;
        prepared.model_free[place] = [message.index, message.cusum];
        target(&mut prepared, series, place, row, horizon);
    }
    Ok(prepared)
}

/// Any other series.
fn plain(series: &Series, task: Task, horizon: Horizon) -> Prepared {
    let frames = series.time_ps.len();
    let mut prepared = empty(series, frames, series.values.ncols());
    prepared.time_ps.clone_from(&series.time_ps);
    prepared.rows = series.values.iter().copied().collect();
    for frame in 0..frames {
        let judged = match task {
            Task::Frames => frame + 1 >= MIN_WINDOW,
            Task::Series => frame + 1 == frames,
        };
        prepared.judged[frame] = judged;
        if judged {
            prepared.ready_ps = prepared.ready_ps.min(series.time_ps[frame]);
            prepared.due_ps = prepared.ready_ps;
            target(&mut prepared, series, frame, frame, horizon);
        }
    }
    prepared
}

fn empty(series: &Series, frames: usize, width: usize) -> Prepared {
    Prepared {
        run: series.run.clone(),
        lineage: series.lineage.clone(),
        interface: series.interface,
        condition: series.condition.clone(),
        elements: series.elements.clone(),
        atoms: series.atoms,
        time_ps: vec![f64::NAN; frames],
        width,
        rows: vec![f32::NAN; frames * width],
        baseline: None,
        judged: vec![false; frames],
        ready_ps: series.end_ps,
        due_ps: series.end_ps,
        first: 0,
        model_free: vec![[f64::NAN; 2]; frames],
        state: vec![None; frames],
        warning: vec![None; frames],
        event_ps: series.event_ps(),
        onset_ps: series.t_r_ps,
        end_ps: series.end_ps,
    }
}

fn target(prepared: &mut Prepared, series: &Series, place: usize, row: usize, horizon: Horizon) {
    prepared.state[place] = series.state[row];
    prepared.warning[place] = match horizon.target(series.time_ps[row], series.event_ps(), series.end_ps) {
        Target::Positive => Some(true),
        Target::Negative => Some(false),
        Target::Censored | Target::NotAtRisk => None,
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::Feature;
    use crate::frame::Condition;
    use crate::learn::verdicts::Spoken;
    use crate::model::stream::Said;
    use crate::registry;
    use crate::window::synthetic;

    fn table(seeds: std::ops::Range<u64>, end: usize) -> Table {
        let settings = crate::stream::Header::example().settings;
        let series = seeds
            .map(|seed| {
                let frames = &synthetic::healthy(seed, 0, 200, 0.5, 5)[..end];
                let values = frames.iter().flat_map(|f| f.values.iter().map(|&v| v as f32)).collect();
                let mut series = Series {
                    run: format!("run{seed}"),
                    lineage: format!("lineage{seed}"),
                    interface: 0,
                    condition: BTreeMap::new(),
                    sample_ps: 0.1,
                    time_ps: frames.iter().map(|f| f.time_ps).collect(),
                    values: ndarray::Array2::from_shape_vec((end, registry::BASE.len()), values)
                        .expect("a rectangle"),
                    standing: frames.iter().map(|f| f.condition).collect::<Vec<Condition>>(),
                    state: Vec::new(),
                    t_r_ps: None,
                    t_u_ps: None,
                    end_ps: frames.last().expect("frames").time_ps,
                    settings: Some(settings.clone()),
                    elements: Vec::new(),
                    atoms: None,
                };
                series.set_onsets(Some(12.0), Some(15.0), series.end_ps);
                series
            })
            .collect();
        let features = registry::frame_names(false).into_iter().map(|n| Feature::new(n).expect("a name"));
        let classes = ["stable", "reconstructing", "unstable"].map(str::to_owned).to_vec();
        Table::new(features.collect(), classes, series).expect("a table")
    }

    fn prepare(table: &Table) -> Set {
        Set::new(table, Task::Frames, None, 1, Horizon::default()).expect("prepared")
    }

    #[test]
    fn verdicts_start_with_the_baselines_end_and_windows_reach_back() {
        let set = prepare(&table(1..2, 200));
        let one = &set.series[0];
        let judged: Vec<usize> = one.verdicts().collect();
        let first = judged[0];
        assert!((one.time_ps[first] - 7.5).abs() < 0.25, "{}", one.time_ps[first]);
        assert_eq!(one.first, first + 1 - 64);
        assert!(one.row(one.first)[0].is_finite() && one.row(one.first - 1)[0].is_nan());
        assert_eq!(judged.len(), 200 - first);
        assert_eq!(one.state[first], Some(0));
        assert_eq!(one.warning[first], Some(true), "15 ps are within 10 of {}", one.time_ps[first]);
        assert_eq!(one.warning[199], None);
        assert!(one.state[..first].iter().all(Option::is_none));
        assert_eq!(set.columns.len(), one.width);
        assert!(one.baseline.as_ref().expect("a baseline")[0][1] > 0.0);
    }

    #[test]
    fn without_a_surface_an_interface_is_not_judged() {
        let mut table = table(1..3, 200);
        table.series[0].standing[150..].fill(Condition::NoSurface);
        table.series[1].standing.fill(Condition::NoSurface);
        let set = prepare(&table);
        let [lost, never] = set.series.as_slice() else { panic!("two series") };
        assert_eq!(lost.verdicts().last(), Some(149));
        assert!(never.verdicts().next().is_none());
        assert!((never.ready_ps - 7.5).abs() < 1e-9, "{}", never.ready_ps);
        let said = vec![Said { states: vec![1.0, 0.0, 0.0], warning: 0.0 }; lost.verdicts().count()];
        let spoken = Spoken { series: 0, run: lost.run.clone(), interface: 0, said };
        let trace = crate::learn::run::trace(lost, &spoken);
        assert_eq!((trace.alarm(1.0, 3), trace.time_ps.last()), (None, Some(&lost.time_ps[149])));
    }

    #[test]
    fn inputs_of_a_prefix_are_bit_identical_whatever_follows() {
        let (whole, prefix) = (prepare(&table(3..4, 200)), prepare(&table(3..4, 130)));
        let (whole, prefix) = (&whole.series[0], &prefix.series[0]);
        for frame in prefix.verdicts() {
            let bits = |p: &Prepared| p.row(frame).iter().map(|v| v.to_bits()).collect::<Vec<_>>();
            assert_eq!(bits(whole), bits(prefix), "frame {frame}");
        }
        assert_eq!(whole.baseline, prefix.baseline);
    }
}
