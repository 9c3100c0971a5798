//! The model card of what ships: generated, so that it says what was measured.

use std::fmt::Write as _;

use super::cell::plain as cell;
use crate::learn::evaluate::paper::CONDITIONS;
use crate::learn::evaluate::{On, Prepared, Report};
use crate::learn::folds::Fold;
use crate::learn::run::RATE;
use crate::learn::score::bootstrap::LEAST_LINEAGES;
use crate::model::Model;
use crate::model::meta::Kind;
use crate::model::spec::Inputs;

/// What of the scores is shown: name, words, digits.
const SCORES: [(&str, &str, usize); 13] = [
    ("accuracy", "accuracy of the state", 3),
    ("macro_f1", "macro-F1 of the state", 3),
    ("auc", "AUC of the states, one against the rest", 3),
    ("auroc", "AUROC of the warning", 3),
    ("auroc_within", "AUROC of the warning within a condition", 3),
    ("auroc_within_time", "AUROC of the warning within a condition and 5 ps of time", 3),
    ("auprc", "AUPRC of the warning", 3),
    ("prevalence", "prevalence of the warning", 3),
    ("brier", "Brier score of the warning", 3),
    ("lead_ps_median", "lead time, median of all events, a miss 0 (ps)", 1),
    ("lead_ps_median_warnable", "the same of warnable events (ps)", 1),
    ("event_recall_warnable", "share of warnable events with an alarm in time", 2),
    ("false_alarms_per_100", "false alarms per 100 runs without an event", 1),
];

/// Values of a factor among training series, numbers in order.
fn values(data: &Prepared, key: &str) -> String {
    let mut found: Vec<&serde_json::Value> = data
        .set
        .series
        .iter()
        .zip(&data.folds)
        .filter(|(_, fold)| **fold == Fold::Train)
        .filter_map(|(one, _)| one.condition.get(key))
        .collect();
    found.sort_by(|a, b| {
        let number = |v: &serde_json::Value| v.as_f64().unwrap_or(f64::NAN);
        number(a).total_cmp(&number(b)).then_with(|| a.to_string().cmp(&b.to_string()))
    });
    found.dedup();
    found
        .iter()
        .map(|v| v.as_str().map_or_else(|| v.to_string(), str::to_owned))
        .collect::<Vec<_>>()
        .join(", ")
}

/// The card as Markdown. `data` is what the model was trained on and scored with.
#[must_use]
pub fn card(model: &Model, report: &Report, data: &Prepared) -> String {
    let meta = &model.meta;
    let mut text = String::from(
        "# Model card: the built-in model\n\nWritten by `foreshock evaluate --ship` (`make paper`); not edited by hand.\n\n## What it is\n\n",
    );
    let kind = match &meta.kind {
        Kind::Network(spec) => {
            format!("{:?}, then a projection to {} and two heads", spec.encoder, spec.projection)
        }
        Kind::Forest(spec) => format!("boosted trees of depth {} on a summary of the window", spec.depth),
    };
    let _ = write!(
        text,
        "- `{}`, seed {}: {kind}; {} numbers. It was the best on validation, by the mean of macro-F1 and AUROC of \
         the warning, among all methods that the fix can load.\n\
         - Reads {} descriptors {} in windows of {} frames, one every {} ps.\n\
         - Says the probabilities of {}",
        meta.name,
        meta.seed,
        model.parameters(),
        meta.columns.len(),
        inputs(meta.inputs),
        meta.window,
        meta.sample_ps,
        meta.classes.join(", ")
    );
    if let Some(target) = &meta.target {
        let _ = write!(
            text,
            ", and of an instability that begins more than {} and at most {} ps ahead",
            target.gap_ps, target.horizon_ps
        );
    }
    text.push_str(".\n");
    if meta.calibration.lineages > 0 {
        let _ = writeln!(
            text,
            "- Probabilities are calibrated on {} lineages of their own (a scale and shifts of the logits, in the file).",
            meta.calibration.lineages
        );
    }
    if let Some(alarm) = &meta.alarm {
        let _ = writeln!(
            text,
            "- `warn auto`: {:.4}, {} verdicts in a row. Of {} stable calibration lineages with {:.1} ps of verdicts each \
             (median; replicas count as one), {} alarm, which supports a false-alarm rate of {:.1} % in further runs of these conditions and \
             this length; {} % were wanted. It holds on average over the choice of calibration lineages and for no other \
             conditions.",
            alarm.threshold,
            alarm.persist,
            alarm.stable_runs,
            alarm.exposure_ps,
            alarm.false_alarms,
            100.0 * alarm.rate,
            100.0 * RATE
        );
    }
    let _ = write!(
        text,
        "- SHA-256 of the file `{}`, of the data set `{}`. Licence {}.\n\n## Intended use\n\n\
         Interfaces like those it was trained on, in classical molecular dynamics with LAMMPS, watched by `fix \
         foreshock` with the settings it was trained with: the fix refuses others. Where neither `model` nor \
         `detector` is given, it is used only if everything fits, elements and number of atoms included; else the CUSUM speaks, \
         which calibrates itself on the run at hand. An alarm is a reason to stop and look, or to save a restart \
         file; a quiet run is no proof of stability.\n\n## Data\n\n",
        model.hash, meta.data_hash, meta.licence
    );
    for (key, title) in [
        ("system", "Systems"),
        ("temperature_k", "Temperatures, K"),
        ("orientation", "Orientations"),
        ("vacancy_fraction", "Vacancies, share of units"),
        ("size", "Cell sizes"),
    ] {
        let values = values(data, key);
        if !values.is_empty() {
            let _ = writeln!(text, "- {title}: {values}");
        }
    }
    if !meta.elements.is_empty() {
        let _ = writeln!(text, "- Elements: {}", meta.elements.join(", "));
    }
    if let Some([least, most]) = meta.atoms {
        let _ = writeln!(text, "- Atoms of a run: {least} to {most}");
    }
    text.push_str("\n| fold | lineages | interfaces | with event | their lineages | warnable |\n|---|---|---|---|---|---|\n");
    for c in &report.counts {
        let shown = c.shown.map_or_else(
            || "not looked at | | | ".to_owned(),
            |s| format!("{} | {} | {} | {}", s.series, s.unstable, s.unstable_lineages, s.warnable),
        );
        let _ = writeln!(text, "| {} | {} | {shown} |", c.fold, c.lineages);
    }
    text.push('\n');
    for note in &report.notes {
        let _ = writeln!(text, "{note}\n");
    }
    let scored = match report.on {
        On::Test => "On lineages that had no part in training or in any choice.",
        On::Validation => {
            "On validation lineages, on which training was stopped and this model was chosen: no result, and \
             better than what unseen lineages will give."
        }
    };
    let _ = write!(
        text,
        "## Scores of this model\n\n{scored} Intervals: 95 %, bootstrap over lineages, where at least \
         {LEAST_LINEAGES} have a part in the number; Clopper and Pearson's for shares of none or all.\n\n| | |\n|---|---|\n"
    );
    for (name, title, digits) in SCORES {
        let _ = writeln!(text, "| {title} | {} |", cell(report.shipped.get(name), digits));
    }
    targets(&mut text, report);
    text.push_str("\nIn other conditions, as trained (mean over training seeds):\n\n| test set | lineages | macro-F1 | AUROC of the warning | false alarms per 100 |\n|---|---|---|---|---|\n");
    for (test, title) in CONDITIONS {
        let found =
            report.shifts.iter().find(|s| s.test == test && Some(&s.method) == report.winner.as_ref());
        let _ = match found.filter(|s| s.lineages > 0) {
            Some(s) => writeln!(
                text,
                "| {title} | {} | {} | {} | {} |",
                s.lineages,
                cell(s.zero_shot.get("macro_f1"), 3),
                cell(s.zero_shot.get("auroc"), 3),
                cell(s.zero_shot.get("false_alarms_per_100"), 1)
            ),
            None if report.on == On::Validation => writeln!(text, "| {title} | | not scored | | |"),
            None => writeln!(text, "| {title} | 0 | no runs in this data set | | |"),
        };
    }
    text.push_str(LIMITS);
    text
}

/// How columns enter, in words.
fn inputs(inputs: Inputs) -> &'static str {
    match inputs {
        Inputs::Level => "as they are",
        Inputs::Shift => "as differences from the run's own baseline",
        Inputs::Both => "as they are and as differences from the run's own baseline",
    }
}

/// What was to be reached, by the mean over training seeds.
fn targets(text: &mut String, report: &Report) {
    if report.targets.is_empty() {
        return;
    }
    text.push_str(
        "\nTargets, against the mean over training seeds:\n\n| target | value | |\n|---|---|---|\n",
    );
    for outcome in &report.targets {
        let value = cell(Some(&outcome.value), 3);
        let _ = writeln!(text, "| {} | {value} | {} |", outcome.target.words(), outcome.finding);
    }
}

const LIMITS: &str = "
## Limits

- The training interfaces are lithium oxides and silicates in a classical pair potential with fixed charges
  (Pedone et al., doi:10.1021/jp0611018): no electron transfer, no oxidation or reduction. What fails is the
  arrangement of ions at the interface.
- Temperatures are far above those of a battery, so that something happens within tens of ps. Cells hold about a
  thousand atoms and two interfaces that can feel each other.
- The event is the formation of new network bonds, held for 5 ps, by a frozen rule (`docs/labels.md`). One bond
  more or less decides about a tenth of the outcomes.
- A baseline of 5 ps must be healthy: an interface that is failing while the fix learns is not seen.
- Elsewhere, in other chemistry, potentials, time steps or ensembles, nothing is known about its false alarms or
  misses. There is no test yet of whether an interface is like those of the training set (column 7 is NaN).
- Probabilities hold for the mix of conditions of the training set, where failure is common.
";
