//! Checks the given settings, from whichever source, and makes a [`FixConfig`] of them.

use super::args::{ArgError, Context};
use super::keyword::{Given, Keyword, is_none};
use super::timing::{length_name, time_name};
use super::value::{choice, integer, logical, looks_numeric, name, number, types};
use super::{Axis, CutoffSpec, DetectorKind, FixConfig, Halt, Mode, ModelSpec, Role};
use crate::elements;
use crate::model::detector::BUILTIN;
use crate::units::UnitStyle;

/// Most frames the flight recorder keeps.
const MAX_BLACKBOX_FRAMES: u64 = 10_000;

/// Settings without a default in `lj` units, which have neither angstrom nor ps.
const EXPLICIT_IN_LJ: [Keyword; 5] =
    [Keyword::Region, Keyword::Cutoff, Keyword::Reference, Keyword::Baseline, Keyword::Lag];

impl FixConfig {
    /// The configuration of a fix line without any keyword, for `ntypes` atom types.
    #[must_use]
    pub fn with_defaults(every: u64, sides: [String; 2], ntypes: usize) -> Self {
        Self {
            every,
            sides,
            normal: Axis::Z,
            elements: Vec::new(),
            roles: vec![Role::Neutral; ntypes],
            region: 8.0,
            cutoff: CutoffSpec::Auto,
            reference: 0.5,
            baseline_start: 2.0,
            baseline_length: 5.0,
            lag: 1.0,
            window: 64,
            model: ModelSpec::None,
            detector: DetectorKind::Cusum,
            warn: None,
            persist: 3,
            halt: Halt::No,
            mode: Mode::Async,
            record: None,
            label: None,
            blackbox: None,
            stress: None,
            rdf: false,
            message: true,
        }
    }
}

/// Index of the fix style on the fix line, marked where nothing written is at fault.
pub(super) const STYLE_WORD: usize = 2;
/// Index of N.
pub(super) const EVERY_WORD: usize = 3;

/// Checks every setting by itself and all of them together.
pub(super) fn build(
    every: u64,
    sides: [String; 2],
    given: &[Given],
    context: &Context,
) -> Result<FixConfig, ArgError> {
    let mut draft = Draft {
        config: FixConfig::with_defaults(every, sides, context.ntypes),
        listed: vec![None; context.ntypes],
        model: None,
        detector: None,
    };
    // Elements first, so that type lists override them in whatever order they were written.
    let (elements, rest): (Vec<&Given>, Vec<&Given>) =
        given.iter().partition(|g| g.keyword == Keyword::Elements);
    for setting in elements.into_iter().chain(rest) {
        if !setting.keyword.accepts(&setting.values, context.ntypes) {
            return Err(wrong_count(setting, context.ntypes));
        }
        draft.apply(setting, context)?;
    }
    let Draft { mut config, model, detector, .. } = draft;

    let find = |keyword: Keyword| given.iter().find(|g| g.keyword == keyword);
    if context.units == UnitStyle::Lj {
        let missing: Vec<&str> =
            EXPLICIT_IN_LJ.iter().filter(|k| find(**k).is_none()).map(|k| k.name()).collect();
        if !missing.is_empty() {
            let message = format!(
                "units lj have neither angstrom nor ps, so there are no defaults: give {} explicitly",
                missing.join(", ")
            );
            return Err(ArgError::fix(STYLE_WORD, &message));
        }
    }
    if context.dimension == 2 && config.normal == Axis::Z {
        let message = "normal = 'z': expected x or y in a 2d box";
        return Err(find(Keyword::Normal)
            .map_or_else(|| ArgError::fix(STYLE_WORD, message), |g| g.error_at(Some(0), message)));
    }
    (config.model, config.detector) = model_and_detector(model, detector, context.units, BUILTIN.is_some())
        .map_err(|(keyword, expected)| match find(keyword) {
        Some(setting) => setting.refuse(0, keyword.name(), expected),
        None => ArgError::fix(STYLE_WORD, &format!("{}: expected {expected}", keyword.name())),
    })?;
    config.timing(context.dt_ps, context.units).map_err(|fault| {
        match Keyword::parse(fault.keyword).and_then(find) {
            Some(setting) => setting.error_at(Some(setting.values.len() - 1), &fault.message),
            // A default that does not fit is N's doing.
            None => ArgError::fix(EVERY_WORD, &fault.message),
        }
    })?;
    Ok(config)
}

/// A configuration in the making.
struct Draft {
    config: FixConfig,
    /// Which of `mobile`, `network`, `anion` has named each type.
    listed: Vec<Option<Keyword>>,
    model: Option<ModelSpec>,
    detector: Option<DetectorKind>,
}

impl Draft {
    /// Takes over one setting, checked by itself.
    fn apply(&mut self, given: &Given, context: &Context) -> Result<(), ArgError> {
        let config = &mut self.config;
        match given.keyword {
            Keyword::Elements => set_elements(config, given)?,
            Keyword::Mobile | Keyword::Network | Keyword::Anion => self.set_roles(given, context.ntypes)?,
            Keyword::Normal => {
                config.normal = choice(given, &[("x", Axis::X), ("y", Axis::Y), ("z", Axis::Z)])?;
            }
            Keyword::Region => config.region = length(given, 0, "region", context)?,
            Keyword::Cutoff => config.cutoff = cutoff(given, context)?,
            Keyword::Reference => config.reference = time(given, 0, "reference", context)?,
            Keyword::Baseline => {
                let expected =
                    format!("a time >= 0 ({}), counted from the reference's end", time_name(context.units));
                config.baseline_start =
                    number(given, 0, "baseline START", &expected, |x| x >= 0.0)? * context.units.time();
                config.baseline_length = time(given, 1, "baseline LENGTH", context)?;
            }
            Keyword::Lag => config.lag = time(given, 0, "lag", context)?,
            Keyword::Window => config.window = integer(given, 0, "window", 8, 1024)? as usize,
            Keyword::Model => self.model = Some(model_spec(given)?),
            Keyword::Detector => {
                let options = [("model", DetectorKind::Model), ("cusum", DetectorKind::Cusum)];
                self.detector = Some(choice(given, &options)?);
            }
            Keyword::Warn => config.warn = warn(given)?,
            Keyword::Persist => config.persist = persist(given)?,
            Keyword::Halt => config.halt = halt(given)?,
            Keyword::Mode => {
                config.mode = choice(given, &[("async", Mode::Async), ("sync", Mode::Sync)])?;
            }
            Keyword::Record => config.record = file(given)?,
            Keyword::Label => config.label = file(given)?,
            Keyword::Blackbox if is_none(&given.values) => config.blackbox = None,
            Keyword::Blackbox => {
                let frames = integer(given, 0, "blackbox K", 1, MAX_BLACKBOX_FRAMES)? as usize;
                config.blackbox = Some((frames, name(given, 1, "blackbox PREFIX")?));
            }
            Keyword::Stress => config.stress = Some(logical(given)?),
            Keyword::Rdf => config.rdf = logical(given)?,
            Keyword::Message => config.message = logical(given)?,
            // The one on the fix line has become settings already.
            Keyword::Config => return Err(given.error("config: expected on the fix line only")),
        }
        Ok(())
    }

    fn set_roles(&mut self, given: &Given, ntypes: usize) -> Result<(), ArgError> {
        let role = match given.keyword {
            Keyword::Mobile => Role::Mobile,
            Keyword::Anion => Role::Anion,
            _ => Role::Network,
        };
        for atom_type in types(given, ntypes)? {
            if let Some(other) = self.listed[atom_type - 1].replace(given.keyword) {
                let expected =
                    format!("each type in one list only, type {atom_type} is in {} too", other.name());
                return Err(given.refuse(0, given.keyword.name(), &expected));
            }
            self.config.roles[atom_type - 1] = role;
        }
        Ok(())
    }
}

/// `auto` or a threshold.
pub(super) fn warn(given: &Given) -> Result<Option<f64>, ArgError> {
    if given.values[0] == "auto" {
        return Ok(None);
    }
    number(given, 0, "warn", "auto or a number > 0", |x| x > 0.0).map(Some)
}

/// Consecutive windows.
pub(super) fn persist(given: &Given) -> Result<u32, ArgError> {
    let n = integer(given, 0, "persist", 1, u64::from(u32::MAX))?;
    Ok(u32::try_from(n).expect("checked against u32::MAX"))
}

/// What an alarm does.
pub(super) fn halt(given: &Given) -> Result<Halt, ArgError> {
    choice(
        given,
        &[("no", Halt::No), ("soft", Halt::Soft), ("hard", Halt::Hard), ("continue", Halt::Continue)],
    )
}

/// A positive length, converted to angstrom.
fn length(given: &Given, index: usize, label: &str, context: &Context) -> Result<f64, ArgError> {
    let expected = format!("a length > 0 ({})", length_name(context.units));
    Ok(number(given, index, label, &expected, |x| x > 0.0)? * context.units.length())
}

/// A positive time, converted to ps.
fn time(given: &Given, index: usize, label: &str, context: &Context) -> Result<f64, ArgError> {
    let expected = format!("a time > 0 ({})", time_name(context.units));
    Ok(number(given, index, label, &expected, |x| x > 0.0)? * context.units.time())
}

/// A file name, or `none`.
fn file(given: &Given) -> Result<Option<std::path::PathBuf>, ArgError> {
    let file = name(given, 0, given.keyword.name())?;
    Ok((file != "none").then(|| file.into()))
}

fn model_spec(given: &Given) -> Result<ModelSpec, ArgError> {
    Ok(match name(given, 0, "model")?.as_str() {
        "builtin" => ModelSpec::Builtin,
        "none" => ModelSpec::None,
        file => ModelSpec::File(file.into()),
    })
}

/// The model and who speaks the verdict, with their defaults: the built-in model where there is one,
/// else none; the model speaks where one is loaded. The error is the keyword at fault and what was
/// expected of it.
fn model_and_detector(
    model: Option<ModelSpec>,
    detector: Option<DetectorKind>,
    units: UnitStyle,
    builtin: bool,
) -> Result<(ModelSpec, DetectorKind), (Keyword, &'static str)> {
    let reduced = units == UnitStyle::Lj;
    let default = if builtin && !reduced { ModelSpec::Builtin } else { ModelSpec::None };
    let model = model.unwrap_or(default);
    if reduced && model == ModelSpec::Builtin {
        return Err((Keyword::Model, "FILE or none, since the built-in model knows no reduced units"));
    }
    if !builtin && model == ModelSpec::Builtin {
        return Err((Keyword::Model, "FILE or none, since this version has no built-in model yet"));
    }
    let speaks = if model == ModelSpec::None { DetectorKind::Cusum } else { DetectorKind::Model };
    let detector = detector.unwrap_or(speaks);
    if detector == DetectorKind::Model && model == ModelSpec::None {
        return Err((Keyword::Detector, "cusum, since there is no model (model none)"));
    }
    Ok((model, detector))
}

fn set_elements(config: &mut FixConfig, given: &Given) -> Result<(), ArgError> {
    for (index, symbol) in given.values.iter().enumerate() {
        let Some(role) = elements::role(symbol) else {
            let near = elements::SYMBOLS.iter().find(|s| s.eq_ignore_ascii_case(symbol));
            let hint = near.map_or(String::new(), |s| format!(" (did you mean '{s}'?)"));
            return Err(given.refuse(index, "elements", &format!("an element symbol{hint}")));
        };
        config.roles[index] = role;
    }
    config.elements.clone_from(&given.values);
    Ok(())
}

fn cutoff(given: &Given, context: &Context) -> Result<CutoffSpec, ArgError> {
    if given.values.len() == 1 {
        // In reduced units g(r)'s bins and range, which are in angstrom, would be meaningless.
        return match given.values[0].as_str() {
            "auto" if context.units != UnitStyle::Lj => Ok(CutoffSpec::Auto),
            _ if context.units == UnitStyle::Lj => {
                Err(given.refuse(0, "cutoff", "TI TJ R for each type pair in units lj"))
            }
            _ => Err(given.refuse(0, "cutoff", "auto or TI TJ R for each type pair")),
        };
    }
    let mut pairs: Vec<(usize, usize, f64)> = Vec::new();
    for first in (0..given.values.len()).step_by(3) {
        let types = context.ntypes as u64;
        let ti = integer(given, first, "cutoff TI", 1, types)? as usize;
        let tj = integer(given, first + 1, "cutoff TJ", 1, types)? as usize;
        let r = length(given, first + 2, "cutoff R", context)?;
        let (low, high) = (ti.min(tj), ti.max(tj));
        match pairs.iter().find(|p| (p.0, p.1) == (low, high)) {
            Some(known) if known.2 == r => {}
            Some(_) => {
                let message = format!("cutoff {ti} {tj}: expected one R for a type pair, found two");
                return Err(given.error_at(Some(first + 2), &message));
            }
            None => pairs.push((low, high, r)),
        }
    }
    Ok(CutoffSpec::Pairs(pairs))
}

/// Says how many values a setting takes.
pub(super) fn wrong_count(given: &Given, ntypes: usize) -> ArgError {
    let (keyword, found) = (given.keyword, given.values.len());
    let message = match keyword {
        Keyword::Elements => {
            format!("elements: expected {ntypes} symbols, one per atom type, found {found}")
        }
        Keyword::Cutoff if found > 1 || found == 1 && looks_numeric(&given.values[0]) => {
            format!("cutoff: expected triples TI TJ R, found {}", values(found))
        }
        _ => format!("{0}: expected '{0} {1}', found {2}", keyword.name(), keyword.usage(), values(found)),
    };
    given.error(&message)
}

fn values(count: usize) -> String {
    match count {
        0 => "no value".to_owned(),
        1 => "1 value".to_owned(),
        n => format!("{n} values"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_builtin_model_the_cusum_speaks_unless_a_file_is_given() {
        let made = model_and_detector(None, None, UnitStyle::Metal, false);
        assert_eq!(made, Ok((ModelSpec::None, DetectorKind::Cusum)));
        let file = ModelSpec::File("m.safetensors".into());
        let made = model_and_detector(Some(file.clone()), None, UnitStyle::Metal, false);
        assert_eq!(made, Ok((file, DetectorKind::Model)));
        let fault = model_and_detector(Some(ModelSpec::Builtin), None, UnitStyle::Metal, false);
        assert_eq!(fault.expect_err("none yet").0, Keyword::Model);
    }

    #[test]
    fn a_builtin_model_is_the_default_except_in_reduced_units() {
        let made = model_and_detector(None, None, UnitStyle::Real, true);
        assert_eq!(made, Ok((ModelSpec::Builtin, DetectorKind::Model)));
        let made = model_and_detector(None, None, UnitStyle::Lj, true);
        assert_eq!(made, Ok((ModelSpec::None, DetectorKind::Cusum)));
        let made = model_and_detector(None, Some(DetectorKind::Cusum), UnitStyle::Real, true);
        assert_eq!(made, Ok((ModelSpec::Builtin, DetectorKind::Cusum)));
        let fault = model_and_detector(Some(ModelSpec::Builtin), None, UnitStyle::Lj, true);
        assert_eq!(fault.expect_err("reduced").0, Keyword::Model);
        let fault =
            model_and_detector(Some(ModelSpec::None), Some(DetectorKind::Model), UnitStyle::Real, true);
        assert_eq!(fault.expect_err("no model").0, Keyword::Detector);
    }
}
