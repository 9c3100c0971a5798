//! What a model says about itself, in words: for `foreshock model show` and for reports.

use std::fmt::Write as _;

use super::Model;
use super::meta::Kind;

impl Model {
    /// Names and values, in the order in which they are to be read; a name can come more than once.
    #[must_use]
    pub fn card(&self) -> Vec<(&'static str, String)> {
        let meta = &self.meta;
        let kind = match &meta.kind {
            Kind::Network(spec) => format!("network, {:?}, projection {}", spec.encoder, spec.projection),
            Kind::Forest(spec) => format!("boosted trees of depth {}", spec.depth),
        };
        let mut card = vec![
            ("name", format!("{} (seed {})", meta.name, meta.seed)),
            ("kind", kind),
            ("parameters", self.parameters().to_string()),
            ("classes", meta.classes.join(", ")),
            ("reads", format!("{} columns as {:?}", meta.columns.len(), meta.inputs)),
            ("window", format!("{} frames of {} ps", meta.window, meta.sample_ps)),
        ];
        if let Some(settings) = &meta.settings {
            let mut text = format!(
                "reference {} ps, baseline {} + {} ps, lag {} ps",
                settings.reference_ps,
                settings.baseline_start_ps,
                settings.baseline_length_ps,
                settings.lag_ps
            );
            if let Some(measured) = meta.measured {
                let cutoff = if measured.cutoff_auto { "auto" } else { "given" };
                let _ = write!(text, ", region {} angstrom, cutoff {cutoff}", measured.region_angstrom);
            }
            card.push(("fix", text));
        }
        if let Some(target) = &meta.target {
            let (gap, horizon) = (target.gap_ps, target.horizon_ps);
            card.push(("warns of", format!("an event more than {gap} and at most {horizon} ps ahead")));
        }
        let calibration = &meta.calibration;
        let text = match calibration.lineages {
            0 => "none".to_owned(),
            n => format!(
                "on {n} lineages: warning logit x {:.2} {:+.2}, state logits x {:.2} and shifted",
                calibration.warning_scale, calibration.warning_shift, calibration.state_scale
            ),
        };
        card.push(("calibration", text));
        if let Some(alarm) = &meta.alarm {
            let text = format!(
                "{:.4} for {} verdicts in a row: {} of {} stable runs of {} ps alarm (supports {:.1} %)",
                alarm.threshold,
                alarm.persist,
                alarm.false_alarms,
                alarm.stable_runs,
                alarm.exposure_ps,
                100.0 * alarm.rate
            );
            card.push(("threshold", text));
        }
        card.extend(meta.scores.iter().map(|(name, value)| ("validation", format!("{name} {value:.4}"))));
        let [trained, validated] = meta.series;
        card.push(("trained on", format!("{trained} series, {validated} for validation")));
        card.push(("data", format!("sha256 {}", meta.data_hash)));
        card.push(("file", format!("sha256 {}", self.hash)));
        card.push(("licence", meta.licence.clone()));
        card
    }
}
