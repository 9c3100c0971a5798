//! The configuration as text: JSON for the stream's header, one line for the log.

use std::path::{Path, PathBuf};

use serde::Serializer;
use serde_json::Value;

use super::value::show;
use super::{Axis, CutoffSpec, DetectorKind, FixConfig, Halt, Mode, ModelSpec, Role};
use crate::error::{Error, Result};

impl FixConfig {
    /// Every setting in internal units (angstrom, ps; reduced in lj units), keyed by the names of
    /// this type's fields; `null` where a setting is absent or automatic.
    ///
    /// # Panics
    /// Never: no map with other keys than strings and no path that must be UTF-8 is in it.
    #[must_use]
    pub fn to_json(&self) -> Value {
        serde_json::to_value(self).expect("plain fields and lossy paths always serialise")
    }

    /// Reads what [`FixConfig::to_json`] wrote, bit for bit.
    ///
    /// # Errors
    /// [`Error::Input`] naming the field that is missing, unknown or of another type.
    pub fn from_json(value: &Value) -> Result<Self> {
        serde::Deserialize::deserialize(value).map_err(|error: serde_json::Error| {
            Error::input("config", error, "the configuration of a stream header")
        })
    }

    /// One compact line in the order of the documentation, internal units; settings that are off are
    /// left out.
    #[must_use]
    pub fn describe(&self) -> String {
        let mut parts = vec![
            format!("every {} sides {} {}", self.every, self.sides[0], self.sides[1]),
            format!("normal {}", axis_name(self.normal)),
        ];
        if !self.elements.is_empty() {
            parts.push(format!("elements {}", self.elements.join(" ")));
        }
        for (name, role) in [("mobile", Role::Mobile), ("network", Role::Network), ("anion", Role::Anion)] {
            let types: Vec<String> =
                (1..=self.roles.len()).filter(|t| self.roles[t - 1] == role).map(|t| t.to_string()).collect();
            if !types.is_empty() {
                parts.push(format!("{name} {}", types.join(",")));
            }
        }
        parts.push(format!("region {}", show(self.region)));
        parts.push(match &self.cutoff {
            CutoffSpec::Auto => "cutoff auto".to_owned(),
            CutoffSpec::Pairs(pairs) => {
                let pairs: Vec<String> =
                    pairs.iter().map(|(i, j, r)| format!("{i} {j} {}", show(*r))).collect();
                format!("cutoff {}", pairs.join(" "))
            }
        });
        parts.push(format!("reference {}", show(self.reference)));
        parts.push(format!("baseline {} {}", show(self.baseline_start), show(self.baseline_length)));
        parts.push(format!("lag {} window {}", show(self.lag), self.window));
        parts.push(match &self.model {
            ModelSpec::Builtin => "model builtin".to_owned(),
            ModelSpec::File(path) => format!("model {}", path.display()),
            ModelSpec::None => "model none".to_owned(),
        });
        parts.push(format!(
            "detector {} warn {} persist {} halt {} mode {}",
            detector_name(self.detector),
            self.warn.map_or("auto".to_owned(), show),
            self.persist,
            halt_name(self.halt),
            mode_name(self.mode)
        ));
        for (name, file) in [("record", &self.record), ("label", &self.label)] {
            if let Some(path) = file {
                parts.push(format!("{name} {}", path.display()));
            }
        }
        if let Some((frames, prefix)) = &self.blackbox {
            parts.push(format!("blackbox {frames} {prefix}"));
        }
        parts.push(format!("stress {}", self.stress.map_or("auto", yes_no)));
        parts.push(format!("rdf {} message {}", yes_no(self.rdf), yes_no(self.message)));
        parts.join(" ")
    }
}

fn axis_name(axis: Axis) -> &'static str {
    match axis {
        Axis::X => "x",
        Axis::Y => "y",
        Axis::Z => "z",
    }
}

fn detector_name(detector: DetectorKind) -> &'static str {
    match detector {
        DetectorKind::Model => "model",
        DetectorKind::Cusum => "cusum",
    }
}

fn halt_name(halt: Halt) -> &'static str {
    match halt {
        Halt::No => "no",
        Halt::Soft => "soft",
        Halt::Hard => "hard",
        Halt::Continue => "continue",
    }
}

fn mode_name(mode: Mode) -> &'static str {
    match mode {
        Mode::Async => "async",
        Mode::Sync => "sync",
    }
}

fn yes_no(value: bool) -> &'static str {
    if value { "yes" } else { "no" }
}

/// A path as text. Fix lines are UTF-8, so nothing is lost for a path that came from one.
pub(super) fn lossy_path<S: Serializer>(path: &Path, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    serializer.serialize_str(&path.to_string_lossy())
}

/// An optional path as text or `null`.
pub(super) fn lossy_option<S: Serializer>(
    path: &Option<PathBuf>,
    serializer: S,
) -> std::result::Result<S::Ok, S::Error> {
    match path {
        Some(path) => lossy_path(path, serializer),
        None => serializer.serialize_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full() -> FixConfig {
        let mut config = FixConfig::with_defaults(7, ["a".to_owned(), "b".to_owned()], 3);
        config.elements = ["Li", "P", "O"].map(str::to_owned).to_vec();
        config.roles = vec![Role::Mobile, Role::Network, Role::Anion];
        config.cutoff = CutoffSpec::Pairs(vec![(1, 3, 0.1 + 0.2), (2, 3, 1.9)]);
        config.lag = 1.0 / 3.0;
        config.model = ModelSpec::File("m.safetensors".into());
        config.detector = DetectorKind::Model;
        config.warn = Some(0.9);
        config.halt = Halt::Continue;
        config.record = Some("s.jsonl".into());
        config.blackbox = Some((20, "box".to_owned()));
        config.stress = Some(false);
        config
    }

    #[test]
    fn json_holds_every_setting_and_reads_back_bit_for_bit() {
        let config = full();
        let text = config.to_json().to_string();
        let value: Value = serde_json::from_str(&text).expect("own JSON");
        assert_eq!(FixConfig::from_json(&value).expect("own config"), config);
        assert_eq!(value["cutoff"]["pairs"][0][2].as_f64(), Some(0.1 + 0.2));
        assert_eq!(value["model"]["file"], "m.safetensors");
        assert_eq!(value["label"], Value::Null);
    }

    #[test]
    fn a_damaged_header_is_named() {
        let mut value = full().to_json();
        value["window"] = "many".into();
        let message = FixConfig::from_json(&value).expect_err("wrong type").to_string();
        assert!(message.contains("many") && message.contains("stream header"), "{message}");
        let mut value = full().to_json();
        value.as_object_mut().expect("a map").remove("lag");
        let message = FixConfig::from_json(&value).expect_err("missing").to_string();
        assert!(message.contains("missing field `lag`"), "{message}");
    }

    #[test]
    fn the_log_line_names_what_is_on() {
        assert_eq!(
            full().describe(),
            "every 7 sides a b normal z elements Li P O mobile 1 network 2 anion 3 region 8 cutoff 1 3 0.3 2 3 \
             1.9 reference 0.5 baseline 2 5 lag 0.333333 window 64 model m.safetensors detector model warn \
             0.9 persist 3 halt continue mode async record s.jsonl blackbox 20 box stress no rdf no message yes"
        );
    }
}
