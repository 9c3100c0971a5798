//! Numbers of the figures over time. Fig. 4 is in [`super::importance`].

use std::collections::BTreeMap;

use serde::Serialize;

use super::evaluate::paper::PAPER_TURNING_POINT;
use super::evaluate::{On, Prepared};
use super::run::PERSIST;
use super::score::alarms::quantile;
use super::score::bootstrap::{Interval, resamples};
use super::score::breakpoint::breakpoint;
use super::scored::Scored;
use crate::dataset::target::SLACK_PS;

/// A value over a grid, with the quartiles over series or an interval over runs.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Curve {
    /// Name.
    pub name: String,
    /// Place, value, low, high; NaN is null.
    pub points: Vec<[Option<f64>; 4]>,
}

fn point(values: [f64; 4]) -> [Option<f64>; 4] {
    values.map(|v| v.is_finite().then_some(v))
}

/// Fig. 1: the instability index of stable and unstable series.
#[derive(Debug, Clone, Serialize)]
pub struct Index {
    /// Median and quartiles over the time since the first verdict, ps.
    pub since_baseline: Vec<Curve>,
    /// Of unstable series over the time before the event, ps.
    pub before_event: Vec<Curve>,
}

/// Fig. 1 from all series of the data set that may be shown.
#[must_use]
pub fn index(data: &Prepared, on: On) -> Index {
    const STEP: f64 = 0.5;
    let used: Vec<_> = data
        .set
        .series
        .iter()
        .zip(&data.folds)
        .filter(|(s, fold)| on.shows(fold) && s.verdicts().next().is_some())
        .map(|(s, _)| s)
        .collect();
    type Kind = fn(&super::prepare::Prepared) -> bool;
    let kinds: [(&str, Kind); 3] = [
        ("stable", |s| s.event_ps.is_none() && s.onset_ps.is_none()),
        ("reconstructing only", |s| s.event_ps.is_none() && s.onset_ps.is_some()),
        ("unstable", |s| s.event_ps.is_some()),
    ];
    let curve = |name: &str, of: &dyn Fn(&super::prepare::Prepared) -> Option<f64>| {
        // Values by place on the grid; `of` gives a series' origin of time.
        let mut places: BTreeMap<i64, Vec<f64>> = BTreeMap::new();
        for series in &used {
            let Some(origin) = of(series) else { continue };
            let mut mine: BTreeMap<i64, (f64, f64)> = BTreeMap::new();
            for frame in series.verdicts() {
                let value = series.model_free[frame][0];
                if value.is_finite() {
                    let slot =
                        mine.entry(((series.time_ps[frame] - origin) / STEP).floor() as i64).or_default();
                    slot.0 += value;
                    slot.1 += 1.0;
                }
            }
            for (place, (sum, count)) in mine {
                places.entry(place).or_default().push(sum / count);
            }
        }
        // Where fewer than half of them are left, the index would seem to change with who is left.
        let most = places.values().map(Vec::len).max().unwrap_or(0);
        let points = places
            .iter()
            .filter(|(_, values)| values.len() >= 3 && 2 * values.len() >= most)
            .map(|(place, values)| {
                let [low, middle, high] = [0.25, 0.5, 0.75].map(|q| quantile(values, q));
                point([(*place as f64 + 0.5) * STEP, middle, low, high])
            })
            .collect();
        Curve { name: name.to_owned(), points }
    };
    let first = |s: &super::prepare::Prepared| s.verdicts().next().map(|frame| s.time_ps[frame]);
    Index {
        since_baseline: kinds
            .iter()
            .map(|(name, is)| curve(name, &|s| if is(s) { first(s) } else { None }))
            .collect(),
        before_event: vec![curve("unstable", &|s| s.event_ps)],
    }
}

/// Fig. 3: precision and recall of "this interface becomes unstable" from what was seen so far.
#[derive(Debug, Clone, Serialize)]
pub struct Early {
    /// Method.
    pub method: String,
    /// Seed of its verdicts.
    pub seed: u64,
    /// Over the observed share of the trajectory.
    pub by_fraction: [Curve; 2],
    /// Over the time before the event, ps.
    pub by_time: [Curve; 2],
    /// Events that take part at each of these times: those with verdicts so long before them.
    pub events_by_time: Vec<usize>,
    /// Where the recall's slope changes, as a share of the trajectory; NaN where it does not.
    pub turning_point: Interval,
    /// The paper's placeholder for it, by name.
    pub paper: BTreeMap<&'static str, f64>,
    /// Harmonic mean of accuracy and earliness, 2 A (1 - E) / (A + 1 - E).
    pub harmonic_mean: Interval,
}

/// One series as Fig. 3 sees it.
struct Course {
    run: usize,
    first_ps: f64,
    end_ps: f64,
    event_ps: Option<f64>,
    alarm_ps: Option<f64>,
    /// Whether the alarm is early enough to be of use.
    in_time: bool,
}

/// Alarms until a time per series: (recall, precision). Only an alarm at least the gap before the event
/// is a hit; a later one counts against precision. A series without such a time does not take part, and where
/// that are events, series without one count as much less: else precision would fall by their number alone.
fn early_at(courses: &[Course], weights: &[f64], until: &dyn Fn(&Course) -> Option<f64>) -> (f64, f64) {
    let (mut hit, mut events, mut alarmed, mut all_events, mut quiet) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for course in courses {
        let weight = weights[course.run];
        all_events += weight * f64::from(u8::from(course.event_ps.is_some()));
        let Some(limit) = until(course) else { continue };
        let alarm = weight * f64::from(u8::from(course.alarm_ps.is_some_and(|a| a <= limit + SLACK_PS)));
        if course.event_ps.is_some() {
            events += weight;
            alarmed += alarm;
            hit += alarm * f64::from(u8::from(course.in_time));
        } else {
            quiet += alarm;
        }
    }
    (hit / events, hit / (alarmed + quiet * events / all_events))
}

/// Fig. 3 of one method's verdicts.
#[must_use]
pub fn early(name: &str, seed: u64, scored: &Scored, draws: usize) -> Early {
    let drawn = resamples(scored.runs, draws, 1);
    let ones = vec![1.0; scored.runs];
    let fractions: Vec<f64> = (1..=40).map(|k| f64::from(k) / 40.0).collect();
    let times: Vec<f64> = (0..=60).map(|k| f64::from(k) * 0.5).collect();
    let courses: Vec<Course> = scored
        .judged
        .iter()
        .map(|judged| {
            let trace = &judged.trace;
            let alarm_ps = trace.alarm(judged.threshold, PERSIST);
            Course {
                run: judged.run,
                first_ps: trace.ready_ps,
                end_ps: trace.end_ps,
                event_ps: trace.event_ps,
                alarm_ps,
                in_time: trace.lead(alarm_ps, scored.gap_ps) > 0.0,
            }
        })
        .collect();
    let at_fraction = |weights: &[f64], f: f64| {
        early_at(&courses, weights, &|c| Some(c.first_ps + f * (c.end_ps - c.first_ps)))
    };
    // A stable series is given its whole length: its alarm counts against precision at any time. An event
    // takes part in as much time before it as there were verdicts.
    let until = |c: &Course, before: f64| match c.event_ps {
        None => Some(c.end_ps),
        Some(event) => Some(event - before).filter(|limit| *limit >= c.first_ps - SLACK_PS),
    };
    let at_time = |weights: &[f64], before: f64| early_at(&courses, weights, &|c| until(c, before));
    let events_at =
        |before: f64| courses.iter().filter(|c| c.event_ps.is_some() && until(c, before).is_some()).count();
    let lineages = |of: &dyn Fn(&Course) -> bool| {
        let runs = courses.iter().filter(|c| of(c)).map(|c| c.run);
        runs.collect::<std::collections::BTreeSet<usize>>().len()
    };
    let failing = lineages(&|c| c.event_ps.is_some());
    type At<'a> = &'a dyn Fn(&[f64], f64) -> (f64, f64);
    let curves = |places: &[f64], at: At<'_>, resting_on: &dyn Fn(f64) -> usize| {
        type Pair = (f64, f64);
        let values: Vec<(f64, Pair, Vec<Pair>)> = places
            .iter()
            .map(|&place| (place, at(&ones, place), drawn.iter().map(|w| at(w, place)).collect()))
            .collect();
        let both = [|p: &(f64, f64)| p.0, |p: &(f64, f64)| p.1];
        let names = ["recall", "precision"];
        [0, 1].map(|k| Curve {
            name: names[k].to_owned(),
            points: values
                .iter()
                .map(|(place, value, samples)| {
                    let samples: Vec<f64> = samples.iter().map(both[k]).collect();
                    let interval = Interval::of(both[k](value), &samples, resting_on(*place));
                    point([*place, interval.value, interval.low, interval.high])
                })
                .collect(),
        })
    };
    let turning = |weights: &[f64]| {
        let recall: Vec<f64> = fractions.iter().map(|&f| at_fraction(weights, f).0).collect();
        breakpoint(&fractions, &recall)
    };
    let harmonic = |weights: &[f64]| {
        let (mut right, mut earliness, mut total) = (0.0, 0.0, 0.0);
        for c in &courses {
            let weight = weights[c.run];
            let alarmed = if c.event_ps.is_some() { c.in_time } else { c.alarm_ps.is_some() };
            right += weight * f64::from(u8::from(alarmed == c.event_ps.is_some()));
            let decided = c.alarm_ps.unwrap_or(c.end_ps).max(c.first_ps);
            earliness += weight * (decided - c.first_ps) / (c.end_ps - c.first_ps).max(1e-9);
            total += weight;
        }
        let (a, e) = (right / total, earliness / total);
        2.0 * a * (1.0 - e) / (a + 1.0 - e)
    };
    let spread = |statistic: &dyn Fn(&[f64]) -> f64, lineages: usize| {
        let drawn: Vec<f64> = drawn.iter().map(|w| statistic(w)).collect();
        Interval::of(statistic(&ones), &drawn, lineages)
    };
    Early {
        method: name.to_owned(),
        seed,
        by_fraction: curves(&fractions, &at_fraction, &|_| failing),
        by_time: curves(&times, &at_time, &|before| {
            lineages(&|c| c.event_ps.is_some() && until(c, before).is_some())
        }),
        events_by_time: times.iter().map(|&before| events_at(before)).collect(),
        turning_point: spread(&turning, failing),
        paper: BTreeMap::from([("turning_point", PAPER_TURNING_POINT)]),
        harmonic_mean: spread(&harmonic, scored.runs),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::replicas::tests::{data, series};

    #[test]
    fn the_index_ends_where_fewer_than_half_of_the_series_are_left() {
        let one = |number: usize| {
            let mut one = series(&format!("r{number}"), &format!("l{number}"), None);
            let (frames, index) = if number < 3 { (60, 1.0) } else { (20, 0.0) };
            one.judged[frames..].fill(false);
            one.model_free = vec![[index, 0.0]; 60];
            one
        };
        let stable = &index(&data((0..8).map(one).collect()), On::Test).since_baseline[0];
        assert_eq!(stable.points.len(), 20, "three of eight go on for 60 frames");
        assert!(stable.points.iter().all(|point| point[1] == Some(0.0)));
    }

    #[test]
    fn precision_does_not_fall_because_events_without_so_long_a_past_drop_out() {
        let course = |run: usize, event_ps: Option<f64>| Course {
            run,
            first_ps: 0.0,
            end_ps: 40.0,
            event_ps,
            alarm_ps: Some(2.0),
            in_time: event_ps.is_some(),
        };
        // All alarm at 2 ps, as many events as others.
        let courses = [course(0, Some(10.0)), course(1, Some(30.0)), course(2, None), course(3, None)];
        let at = |before: f64| {
            early_at(&courses, &[1.0; 4], &|c| match c.event_ps {
                None => Some(c.end_ps),
                Some(event) => Some(event - before).filter(|limit| *limit >= c.first_ps),
            })
        };
        assert_eq!((at(5.0), at(20.0)), ((1.0, 0.5), (1.0, 0.5)));
    }
}
