//! Checks the given settings, from whichever source, and makes a [`FixConfig`] of them.

use super::args::{ArgError, Context};
use super::keyword::{Given, Keyword, is_none};
use super::timing::{length_name, time_name};
use super::value::{choice, integer, logical, looks_numeric, name, number, types};
use super::{Axis, CutoffSpec, DetectorKind, FixConfig, Halt, Mode, ModelSpec, Role};
use crate::elements;
use crate::error::Error;
use crate::model::detector;
use crate::units::UnitStyle;
use crate::window::{MAX_WINDOW, MIN_WINDOW};

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
            model_unasked: false,
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
    config.timing(context.dt_ps, context.units).map_err(|fault| {
        match Keyword::parse(fault.keyword).and_then(find) {
            Some(setting) => setting.error_at(Some(setting.values.len() - 1), &fault.message),
            // A default that does not fit is N's doing.
            None => ArgError::fix(EVERY_WORD, &fault.message),
        }
    })?;
    let unasked = model.is_none() && detector.is_none();
    (config.model, config.detector) =
        model_and_detector(model, detector, &config, context).map_err(|fault| {
            match Keyword::parse(&fault.keyword).and_then(find) {
                Some(setting) => setting.error_at(Some(0), &fault.message),
                None if fault.keyword == "N" => ArgError::fix(EVERY_WORD, &fault.message),
                None => ArgError::fix(STYLE_WORD, &fault.message),
            }
        })?;
    config.model_unasked = unasked && config.detector == DetectorKind::Model;
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
            Keyword::Window => {
                let (least, most) = (MIN_WINDOW as u64, MAX_WINDOW as u64);
                config.window = integer(given, 0, "window", least, most)? as usize;
            }
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

/// A model that cannot be used: the keyword at fault, or N, and the whole message.
#[derive(Debug, PartialEq, Eq)]
struct Unfit {
    keyword: String,
    message: String,
}

/// The model and who speaks the verdict. Where neither is given, the built-in model speaks if it suits
/// the run in every respect; else the CUSUM, which needs no training. A model that is asked for and does
/// not fit is refused.
fn model_and_detector(
    model: Option<ModelSpec>,
    detector: Option<DetectorKind>,
    config: &FixConfig,
    context: &Context,
) -> Result<(ModelSpec, DetectorKind), Unfit> {
    let unfit = |keyword: Keyword, value: &str, expected: &str| Unfit {
        keyword: keyword.name().to_owned(),
        message: format!("{} = '{value}': expected {expected}", keyword.name()),
    };
    let chosen = match (model, detector) {
        (None, None) => {
            return Ok(match detector::suits(config, context.units, context.dt_ps, context.atoms) {
                Ok(()) => (ModelSpec::Builtin, DetectorKind::Model),
                Err(_) => (ModelSpec::None, DetectorKind::Cusum),
            });
        }
        (Some(ModelSpec::None), Some(DetectorKind::Model)) => {
            let expected = "cusum, since there is no model (model none)";
            return Err(unfit(Keyword::Detector, "model", expected));
        }
        (Some(ModelSpec::None), _) | (None, Some(DetectorKind::Cusum)) => {
            return Ok((ModelSpec::None, DetectorKind::Cusum));
        }
        (None, Some(DetectorKind::Model)) => (ModelSpec::Builtin, DetectorKind::Model),
        (Some(model), detector) => (model, detector.unwrap_or(DetectorKind::Model)),
    };
    if chosen.0 == ModelSpec::Builtin {
        if context.units == UnitStyle::Lj {
            let expected = "FILE or none, since the built-in model knows no reduced units";
            return Err(unfit(Keyword::Model, "builtin", expected));
        }
        let fits = detector::builtin()
            .and_then(|model| detector::check(&model.meta, config, context.units, context.dt_ps));
        fits.map_err(|error| Unfit {
            keyword: match &error {
                Error::Input { key, .. } => key.split(' ').next().unwrap_or_default().to_owned(),
                _ => Keyword::Model.name().to_owned(),
            },
            message: error.to_string(),
        })?;
    }
    Ok(chosen)
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

    fn context(units: UnitStyle) -> Context {
        Context { units, ..Context::metal(2, &[]) }
    }

    /// As the built-in model was trained, with elements.
    fn config(every: u64, elements: [&str; 2]) -> FixConfig {
        let sides = ["a".to_owned(), "b".to_owned()];
        FixConfig {
            elements: elements.map(str::to_owned).to_vec(),
            ..FixConfig::with_defaults(every, sides, 2)
        }
    }

    fn every() -> u64 {
        let meta = detector::builtin().expect("a model").meta;
        (meta.sample_ps / 0.002).round() as u64
    }

    fn made(
        model: Option<ModelSpec>,
        detector: Option<DetectorKind>,
        config: &FixConfig,
        units: UnitStyle,
    ) -> Result<(ModelSpec, DetectorKind), Unfit> {
        model_and_detector(model, detector, config, &context(units))
    }

    #[test]
    fn unasked_the_builtin_model_speaks_only_where_it_suits() {
        let builtin = Ok((ModelSpec::Builtin, DetectorKind::Model));
        let cusum = Ok((ModelSpec::None, DetectorKind::Cusum));
        let fitting = config(every(), ["Li", "O"]);
        assert_eq!(made(None, None, &fitting, UnitStyle::Metal), builtin);
        assert_eq!(made(None, Some(DetectorKind::Cusum), &fitting, UnitStyle::Metal), cusum);
        assert_eq!(made(Some(ModelSpec::None), None, &fitting, UnitStyle::Metal), cusum);
        assert_eq!(made(None, None, &fitting, UnitStyle::Lj), cusum);
        assert_eq!(made(None, None, &config(every() / 2, ["Li", "O"]), UnitStyle::Metal), cusum);
        assert_eq!(made(None, None, &config(every(), ["K", "Cl"]), UnitStyle::Metal), cusum);
        let unknown = FixConfig { elements: Vec::new(), ..fitting.clone() };
        assert_eq!(made(None, None, &unknown, UnitStyle::Metal), cusum);
        let without = FixConfig { stress: Some(false), ..fitting.clone() };
        assert_eq!(made(None, None, &without, UnitStyle::Metal), cusum);
        let small = Context { atoms: 100, ..context(UnitStyle::Metal) };
        assert_eq!(model_and_detector(None, None, &fitting, &small), cusum);
        let longer = FixConfig { baseline_length: 8.0, ..fitting };
        assert_eq!(made(None, None, &longer, UnitStyle::Metal), cusum);
    }

    #[test]
    fn a_model_that_is_asked_for_speaks_or_is_refused() {
        let fitting = config(every(), ["K", "Cl"]);
        let builtin = Ok((ModelSpec::Builtin, DetectorKind::Model));
        assert_eq!(made(Some(ModelSpec::Builtin), None, &fitting, UnitStyle::Metal), builtin);
        assert_eq!(made(None, Some(DetectorKind::Model), &fitting, UnitStyle::Metal), builtin);
        let file = ModelSpec::File("m.safetensors".into());
        let speaks = made(Some(file.clone()), None, &fitting, UnitStyle::Metal);
        assert_eq!(speaks, Ok((file.clone(), DetectorKind::Model)));
        let silent = made(Some(file.clone()), Some(DetectorKind::Cusum), &fitting, UnitStyle::Metal);
        assert_eq!(silent, Ok((file, DetectorKind::Cusum)));
        let refused = |config: &FixConfig, units| {
            made(Some(ModelSpec::Builtin), None, config, units).expect_err("unfit").keyword
        };
        assert_eq!(refused(&fitting, UnitStyle::Lj), "model");
        assert_eq!(refused(&config(every() + 1, ["K", "Cl"]), UnitStyle::Metal), "N");
        assert_eq!(refused(&FixConfig { lag: 2.0, ..fitting.clone() }, UnitStyle::Metal), "lag");
        assert_eq!(
            refused(&FixConfig { baseline_start: 3.0, ..fitting.clone() }, UnitStyle::Metal),
            "baseline"
        );
        assert_eq!(
            refused(&FixConfig { stress: Some(false), ..fitting.clone() }, UnitStyle::Metal),
            "stress"
        );
        assert_eq!(refused(&FixConfig { warn: Some(2.0), ..fitting.clone() }, UnitStyle::Metal), "warn");
        let fault = made(Some(ModelSpec::None), Some(DetectorKind::Model), &fitting, UnitStyle::Metal);
        assert_eq!(fault.expect_err("no model").keyword, "detector");
    }
}
