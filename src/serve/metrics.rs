//! Prometheus' text format (<https://prometheus.io/docs/instrumenting/exposition_formats/>).

use std::fmt::Write;
use std::time::Instant;

use crate::watch::{Fleet, Follower};

/// A label's value, quoted.
fn label(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// All runs' numbers.
#[must_use]
pub fn text(fleet: &Fleet, now: Instant) -> String {
    let mut out = String::new();
    type Run = fn(&Follower, Instant) -> Option<f64>;
    let of_runs: [(&str, &str, &str, Run); 10] = [
        ("up", "gauge", "1 while new samples arrive", |run, now| {
            Some(f64::from(u8::from(run.status(now).word() == "running")))
        }),
        ("samples", "gauge", "number of the latest sample", |run, _| Some(run.view()?.latest?.0 as f64)),
        ("step", "gauge", "LAMMPS step of the latest sample", |run, _| Some(run.view()?.latest?.1 as f64)),
        ("steps_left", "gauge", "steps left of the latest run command", |run, _| {
            Some(run.view()?.steps_left()? as f64)
        }),
        ("frames_per_second", "gauge", "samples per second", |run, _| run.rate().frames_per_s()),
        ("alarms_total", "counter", "alarms raised", |run, _| Some(run.view()?.alarm_count as f64)),
        ("dropped_windows_total", "counter", "windows that were not scored", |run, _| {
            Some(run.view()?.dropped() as f64)
        }),
        ("damaged_lines_total", "counter", "lines that could not be used", |run, _| {
            Some(run.damages().count as f64)
        }),
        ("silent_seconds", "gauge", "seconds since the stream grew", |run, now| run.quiet_s(now)),
        ("halted", "gauge", "1 when foreshock stopped the run", |run, now| {
            Some(f64::from(u8::from(run.status(now).word() == "halted")))
        }),
    ];
    for (name, kind, help, value) in of_runs {
        head(&mut out, name, kind, help);
        for (number, run) in fleet.runs() {
            if let Some(value) = value(run, now) {
                line(&mut out, name, &format!("run=\"{number}\",name=\"{}\"", label(run.name())), value);
            }
        }
    }
    type Interface = fn(&crate::watch::RunView, &crate::watch::view::InterfaceView) -> f64;
    let of_interfaces: [(&str, &str, Interface); 6] = [
        ("state", "state code as in thermo column 10", |view, i| f64::from(view.state(i).number())),
        ("alarm", "1 while the alarm is on", |_, i| f64::from(u8::from(i.verdict.alarm))),
        ("warning_probability", "warning probability, NaN where unknown", |_, i| i.verdict.p_warning),
        ("instability_index", "instability index, NaN where unknown", |_, i| i.verdict.index),
        ("cusum", "CUSUM statistic over its alarm level, NaN where unknown", |_, i| i.verdict.cusum),
        ("verdict_age_steps", "steps since the window of the latest verdict", |view, i| {
            view.age_steps(i) as f64
        }),
    ];
    for (name, help, value) in of_interfaces {
        head(&mut out, name, "gauge", help);
        for (number, run) in fleet.runs() {
            let Some(view) = run.view() else { continue };
            for (k, interface) in view.interfaces.iter().enumerate() {
                let name_label = label(run.name());
                let labels = format!("run=\"{number}\",name=\"{name_label}\",interface=\"{}\"", k + 1);
                line(&mut out, name, &labels, value(view, interface));
            }
        }
    }
    out
}

fn head(out: &mut String, name: &str, kind: &str, help: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(out, "# HELP foreshock_{name} {help}\n# TYPE foreshock_{name} {kind}");
}

fn line(out: &mut String, name: &str, labels: &str, value: f64) {
    let value = if value.is_nan() { "NaN".to_owned() } else { value.to_string() };
    let _ = writeln!(out, "foreshock_{name}{{{labels}}} {value}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_cannot_end_early() {
        assert_eq!(label("a\"} 1\nb\\"), "a\\\"} 1\\nb\\\\");
    }
}
