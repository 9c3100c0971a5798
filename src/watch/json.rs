//! Runs as JSON, for `watch --json` and the page. Undefined numbers are null.

use std::time::Instant;

use serde_json::{Value, json};

use super::follower::{Follower, Status};
use super::history::{Bucket, Extent};
use super::view::{AlarmView, RunView};

/// A number without the digits that nobody sees.
fn short(value: f64) -> f64 {
    let rounded = (value * 1e5).round() / 1e5;
    if rounded.is_finite() { rounded } else { value }
}

/// One line of the table of runs.
#[must_use]
pub fn summary(number: usize, run: &Follower, now: Instant) -> Value {
    let status = run.status(now);
    let message = match &status {
        Status::Unusable(message) => Some(message.clone()),
        _ => None,
    };
    let mut value = json!({
        "id": number,
        "name": run.name(),
        "status": status.word(),
        "message": message,
        "state": run.state().name(),
        "quiet_s": run.quiet_s(now).map(f64::round),
        "frames_per_s": run.rate().frames_per_s().map(short),
        "seconds_left": run.left_s(now).map(f64::round),
        "damaged": run.damages().count,
        "unknown": run.unknown(),
        "superseded": run.superseded(),
        "behind_bytes": run.behind(),
    });
    if let (Some(view), Value::Object(fields)) = (run.view(), &mut value) {
        let worst = view.worst();
        let verdict = &worst.verdict;
        let more = json!({
            "groups": view.facts.groups,
            "detector": view.facts.detector,
            "time_unit": view.facts.time_unit,
            "frame": view.latest.map(|latest| latest.0),
            "step": view.latest.map(|latest| latest.1),
            "time_ps": view.latest.map(|latest| short(latest.2)),
            "interface": worst.name,
            "index": short(verdict.index),
            "cusum": short(verdict.cusum),
            "p_warning": short(verdict.p_warning),
            "alarm": view.interfaces.iter().any(|i| i.verdict.alarm),
            "alarms": view.alarm_count,
            "age_steps": view.age_steps(worst),
            "dropped": view.dropped(),
            "steps_left": view.steps_left(),
        });
        if let Value::Object(more) = more {
            fields.extend(more);
        }
    }
    value
}

/// Everything about a run but its history.
#[must_use]
pub fn detail(number: usize, run: &Follower, now: Instant) -> Value {
    let mut value = summary(number, run, now);
    if let (Some(view), Value::Object(fields)) = (run.view(), &mut value) {
        fields.insert("interfaces".to_owned(), interfaces(view));
        fields.insert("recent_alarms".to_owned(), view.alarms.iter().map(alarm).collect());
        let facts = &view.facts;
        let more = json!({
            "foreshock": facts.foreshock,
            "lammps": facts.lammps,
            "dt_ps": facts.dt_ps,
            "every": facts.every,
            "atoms": facts.atoms,
            "model_hash": facts.model_hash,
            "learned_ps": facts.learned_ps,
            "halt_mode": facts.halt,
            "blackbox": facts.blackbox,
            "threshold": view.threshold,
            "persist": view.persist,
            "events": view.events,
            "restarts": view.restarts,
            "halt": view.halt.as_ref().map(|halt| json!({
                "step": halt.step, "mode": halt.mode, "reason": halt.reason
            })),
            "last_damage": run.damages().last.as_ref().map(|(at, message)| json!({
                "byte": at, "message": message
            })),
        });
        if let Value::Object(more) = more {
            fields.extend(more);
        }
    }
    value
}

fn interfaces(view: &RunView) -> Value {
    let one = |i: &super::view::InterfaceView| {
        json!({
            "name": i.name,
            "state": view.state(i).name(),
            "alarm": i.verdict.alarm,
            "index": short(i.verdict.index),
            "cusum": short(i.verdict.cusum),
            "p_warning": short(i.verdict.p_warning),
            "p_states": i.verdict.p_states.map(short),
            "ood_p": short(i.verdict.ood_p),
            "window_end_step": i.verdict.window_end_step,
            "age_steps": view.age_steps(i),
            "dropped": i.dropped,
            "drivers": i.drivers.iter().map(|part| json!({
                "descriptor": part.descriptor, "share": short(part.share), "sigmas": short(part.sigmas)
            })).collect::<Vec<_>>(),
        })
    };
    view.interfaces.iter().map(one).collect()
}

/// An alarm with its descriptors and atoms.
#[must_use]
pub fn alarm(alarm: &AlarmView) -> Value {
    let inner = &alarm.alarm;
    json!({
        "interface": inner.interface,
        "decision_step": alarm.decision_step,
        "window_end_step": inner.window_end_step,
        "time_ps": short(inner.time_ps),
        "score": short(inner.score),
        "threshold": inner.threshold,
        "windows": inner.windows,
        "index": short(inner.index),
        "reason": alarm.reason,
        "atoms": alarm.atoms,
        "top": inner.top.iter().map(|part| json!({
            "descriptor": part.descriptor, "share": short(part.share), "sigmas": short(part.sigmas)
        })).collect::<Vec<_>>(),
    })
}

/// Buckets of a history as columns.
#[must_use]
pub fn points(buckets: &[Bucket]) -> Value {
    let column =
        |value: fn(&Bucket) -> f64| -> Vec<f64> { buckets.iter().map(|b| short(value(b))).collect() };
    let extent = |part: fn(&Bucket) -> &Extent| -> Value {
        let side = |value: fn(&Extent) -> f64| -> Vec<f64> {
            buckets.iter().map(|b| short(value(part(b)))).collect()
        };
        json!([side(|e| e.min), side(|e| e.max)])
    };
    json!({
        "time_ps": column(|b| b.to_ps),
        "index": extent(|b| &b.index),
        "cusum": extent(|b| &b.cusum),
        "p_warning": extent(|b| &b.probability),
        "state": buckets.iter().map(|b| b.state.number()).collect::<Vec<_>>(),
    })
}
