//! Whether a model fits a fix line, and what the log says about it.

use super::{builtin, columns, of};
use crate::config::{CutoffSpec, FixConfig, ModelSpec};
use crate::error::{Error, Result};
use crate::model::meta::{AlarmLevel, Meta};
use crate::pipeline::Facts;
use crate::registry::ANOMALOUS_SUFFIXES;
use crate::units::UnitStyle;
use crate::window::Settings;

/// Largest relative difference of sampling intervals that passes for none.
const SAME_INTERVAL: f64 = 1e-3;

/// Descriptors that are undefined with *stress no*.
const OF_STRESS: [&str; 4] = ["stress_n", "stress_t", "stress_max", "pe"];

/// How far from the cells of its training, as a share of their number of atoms, a model speaks unasked: defects and
/// orientations change cells by less, and in cells of half and of one and a half times their area it fails.
const SAME_SIZE: f64 = 0.1;

/// Whether the built-in model may speak unasked: it fits the fix, and its training set has all elements
/// of the run and cells of about as many atoms.
///
/// # Errors
/// [`Error::Input`] naming what differs.
pub fn suits(config: &FixConfig, units: UnitStyle, dt_ps: f64, atoms: u64) -> Result<()> {
    let meta = builtin()?.meta;
    check(&meta, config, units, dt_ps)?;
    if let Some([least, most]) = known_sizes(&meta)
        && !(least..=most).contains(&atoms)
    {
        let expected =
            format!("{least} to {most}, as its descriptors say another thing in smaller and larger cells");
        return Err(Error::input("atoms", atoms, expected));
    }
    if config.elements.is_empty() {
        return Err(Error::input("elements", "none", "those of the run, to compare with the training set's"));
    }
    match config.elements.iter().find(|element| !meta.elements.contains(element)) {
        Some(other) => {
            let expected = format!("one of {}, which the model was trained on", meta.elements.join(", "));
            Err(Error::input("elements", other, expected))
        }
        None => Ok(()),
    }
}

/// Least and most atoms of cells like those of a model's training.
fn known_sizes(meta: &Meta) -> Option<[u64; 2]> {
    let [least, most] = meta.atoms?.map(|atoms| atoms as f64);
    Some([(least * (1.0 - SAME_SIZE)).ceil() as u64, (most * (1.0 + SAME_SIZE)).floor() as u64])
}

/// What the log says about who speaks in a run of `steps` steps, and what its threshold means.
///
/// # Errors
/// As [`of`].
pub fn introduction(config: &FixConfig, facts: &Facts, steps: u64) -> Result<String> {
    let (units, dt_ps) = (facts.units, facts.dt_ps);
    let Some(model) = of(config, units, dt_ps)? else {
        let unasked = match suits(config, units, dt_ps, facts.atoms) {
            Err(Error::Input { key, value, expected }) if config.model == ModelSpec::None => {
                format!(" (not the built-in model: {key} = '{value}', expected {expected})")
            }
            _ => String::new(),
        };
        return Ok(format!("detector cusum, calibrated on this run's own baseline{unasked}"));
    };
    let meta = &model.meta;
    let name = match config.model {
        ModelSpec::Builtin => format!("built-in model '{}'", meta.name),
        _ => format!("model '{}'", meta.name),
    };
    let foreign: Vec<&str> =
        config.elements.iter().filter(|e| !meta.elements.contains(e)).map(String::as_str).collect();
    let mut strange = Vec::new();
    if !meta.elements.is_empty() {
        strange.extend(foreign);
    }
    let size = format!("cells of {} atoms", facts.atoms);
    if known_sizes(meta).is_some_and(|[least, most]| !(least..=most).contains(&facts.atoms)) {
        strange.push(&size);
    }
    let strange = if strange.is_empty() {
        String::new()
    } else {
        format!("; never trained on {}: nothing is known about its false alarms here", strange.join(", "))
    };
    let Some(alarm) = meta.alarm.as_ref().filter(|_| config.warn.is_none()) else {
        return Ok(format!("{name}{strange}"));
    };
    if alarm.persist != config.persist {
        return Ok(format!(
            "{name} warns at {:.4}, chosen for persist {}: with persist {} nothing is known about its false \
             alarms{strange}",
            alarm.threshold, alarm.persist, config.persist
        ));
    }
    Ok(format!("{name} warns at {:.4}: {}{strange}", alarm.threshold, meaning(alarm, steps as f64 * dt_ps)))
}

/// What a threshold was chosen for, and what that comes to in a longer run: a run of k times the exposure
/// is k runs, of which none may alarm.
fn meaning(alarm: &AlarmLevel, planned_ps: f64) -> String {
    let said = format!(
        "{} of {} stable runs of {:.0} ps alarmed, which supports a false-alarm rate of {:.1} %",
        alarm.false_alarms,
        alarm.stable_runs,
        alarm.exposure_ps,
        100.0 * alarm.rate
    );
    if alarm.exposure_ps > 0.0 && planned_ps > alarm.exposure_ps {
        let share = 1.0 - (1.0 - alarm.rate).powf(planned_ps / alarm.exposure_ps);
        format!("{said}; at that rate up to {:.0} % in a stable run of {planned_ps:.0} ps", 100.0 * share)
    } else {
        said
    }
}

/// Checks that a model fits a fix before anything runs: units, descriptors and how they are measured,
/// sampling interval, window, lag, reference and baseline. `dt_ps` is the time step.
///
/// # Errors
/// [`Error::Input`] naming what differs and what would fit.
pub fn check(meta: &Meta, config: &FixConfig, units: UnitStyle, dt_ps: f64) -> Result<()> {
    if units == UnitStyle::Lj {
        return Err(Error::input("units", "lj", "units with a time, as the model was trained in ps"));
    }
    let trained = meta
        .settings
        .as_ref()
        .ok_or_else(|| Error::input("model", &meta.name, "a model of recorded interfaces"))?;
    let here = config.every as f64 * dt_ps;
    if (here / meta.sample_ps - 1.0).abs() > SAME_INTERVAL {
        let fitting = (meta.sample_ps / dt_ps).round().max(1.0);
        let fits = (fitting * dt_ps / meta.sample_ps - 1.0).abs() <= SAME_INTERVAL;
        let expected = if fits {
            format!("{fitting}, as the model was trained on a sample every {} ps", meta.sample_ps)
        } else {
            format!("a time step that divides the model's sampling interval of {} ps", meta.sample_ps)
        };
        return Err(Error::input("N", config.every, expected));
    }
    let same = [
        ("window", config.window as f64, meta.window as f64),
        ("lag", config.lag, trained.lag_ps),
        ("reference", config.reference, trained.reference_ps),
        ("baseline start", config.baseline_start, trained.baseline_start_ps),
        ("baseline length", config.baseline_length, trained.baseline_length_ps),
    ];
    for (key, value, expected) in same {
        if (value - expected).abs() > 1e-9 * expected.abs().max(1.0) {
            return Err(Error::input(key, value, format!("{expected}, as the model was trained")));
        }
    }
    measured(meta, config)?;
    if let Some(warn) = config.warn
        && warn > 1.0
    {
        return Err(Error::input("warn", warn, "auto or a probability, as a model speaks"));
    }
    let settings = Settings::new(config, here, 1)?;
    columns(meta, &settings).map(drop)
}

/// Checks that the descriptors are measured as in the training runs, as far as those say it, and measured
/// at all: undefined ones would pass for average ones.
fn measured(meta: &Meta, config: &FixConfig) -> Result<()> {
    // Without the keyword it depends on the pair style, which is known later.
    if config.stress == Some(false)
        && let Some(column) = meta.columns.iter().find(|column| needs_stress(column))
    {
        let expected = format!("yes and a pair style, as the model reads '{column}'");
        return Err(Error::input("stress", "no", expected));
    }
    let Some(trained) = meta.measured else { return Ok(()) };
    let (here, expected) = (config.region, trained.region_angstrom);
    if (here - expected).abs() > 1e-9 * expected {
        return Err(Error::input("region", here, format!("{expected} angstrom, as the model was trained")));
    }
    match (&config.cutoff, trained.cutoff_auto) {
        (CutoffSpec::Pairs(_), true) => {
            Err(Error::input("cutoff", "TI TJ R", "auto, as the model was trained"))
        }
        (CutoffSpec::Auto, false) => {
            Err(Error::input("cutoff", "auto", "TI TJ R for each type pair, as the model was trained"))
        }
        _ => Ok(()),
    }
}

/// Whether a column is one of stress or energy, or a channel made of one.
fn needs_stress(column: &str) -> bool {
    let base = ANOMALOUS_SUFFIXES.iter().find_map(|suffix| column.strip_suffix(suffix)).unwrap_or(column);
    OF_STRESS.contains(&base)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::DetectorKind;
    use crate::model::meta::Measured;
    use crate::registry;

    /// A fix line that the built-in model suits.
    fn fitting() -> (Meta, FixConfig, f64) {
        let meta = builtin().expect("a model").meta;
        let mut config = FixConfig::with_defaults(100, ["a".to_owned(), "b".to_owned()], 2);
        config.elements = ["Li", "O"].map(str::to_owned).to_vec();
        (config.model, config.detector) = (ModelSpec::Builtin, DetectorKind::Model);
        let dt_ps = meta.sample_ps / 100.0;
        (meta, config, dt_ps)
    }

    fn facts(dt_ps: f64, atoms: u64) -> Facts {
        let (lammps, config) = ("22 Jul 2025".to_owned(), serde_json::Value::Null);
        Facts { lammps, units: UnitStyle::Metal, dt_ps, atoms, interfaces: 2, config }
    }

    #[test]
    fn in_cells_of_another_size_it_speaks_only_when_asked_and_says_so() {
        let (meta, config, dt_ps) = fitting();
        let [least, most] = meta.atoms.expect("recorded");
        let unasked = |atoms: u64| suits(&config, UnitStyle::Metal, dt_ps, atoms);
        let asked = |atoms| introduction(&config, &facts(dt_ps, atoms), 1000).expect("fits");
        for atoms in [least, most] {
            unasked(atoms).expect("cells of the training");
            assert!(!asked(atoms).contains("never trained"), "{}", asked(atoms));
        }
        for atoms in [least / 2, 3 * most / 2] {
            let said = unasked(atoms).expect_err("another size").to_string();
            assert!(said.starts_with(&format!("atoms = '{atoms}': expected ")), "{said}");
            assert!(asked(atoms).contains(&format!("never trained on cells of {atoms} atoms")));
        }
    }

    #[test]
    fn stress_is_read_by_all_columns_made_of_it_and_by_no_others() {
        let names = registry::frame_names(false).into_iter().chain(registry::anomalous_names());
        let found: Vec<String> = names.filter(|name| needs_stress(name)).collect();
        assert_eq!(found.len(), OF_STRESS.len() + 8, "{found:?}");
        assert!(
            found.iter().any(|name| name == "pe_cusum")
                && OF_STRESS.iter().all(|name| registry::index_of(name).is_some())
        );
    }

    #[test]
    fn descriptors_that_were_measured_otherwise_are_refused_by_name() {
        let (mut meta, config, dt_ps) = fitting();
        let said = |meta: &Meta, config: &FixConfig| {
            check(meta, config, UnitStyle::Metal, dt_ps).map_err(|error| error.to_string())
        };
        assert_eq!(said(&meta, &config), Ok(()));
        let silent = FixConfig { stress: Some(false), ..config.clone() };
        let expected = "stress = 'no': expected yes and a pair style, as the model reads 'stress_n'";
        assert_eq!(said(&meta, &silent), Err(expected.to_owned()));
        let of_others = Meta { columns: vec!["msd_a".into(), "cn_ab_d1".into()], ..meta.clone() };
        assert_eq!(said(&of_others, &silent), Ok(()));

        let wide = FixConfig { region: 9.5, ..config.clone() };
        let pairs = FixConfig { cutoff: CutoffSpec::Pairs(vec![(1, 2, 2.4)]), ..config.clone() };
        meta.measured = Some(Measured { region_angstrom: config.region, cutoff_auto: true });
        assert_eq!(said(&meta, &config), Ok(()));
        let expected = "region = '9.5': expected 8 angstrom, as the model was trained";
        assert_eq!(said(&meta, &wide), Err(expected.to_owned()));
        let expected = "cutoff = 'TI TJ R': expected auto, as the model was trained";
        assert_eq!(said(&meta, &pairs), Err(expected.to_owned()));
        meta.measured = Some(Measured { region_angstrom: config.region, cutoff_auto: false });
        let expected = "cutoff = 'auto': expected TI TJ R for each type pair, as the model was trained";
        assert_eq!(said(&meta, &config), Err(expected.to_owned()));
        assert_eq!(said(&meta, &pairs), Ok(()));
    }

    #[test]
    fn a_header_says_how_descriptors_were_measured() {
        let (_, mut config, _) = fitting();
        let measured = Measured { region_angstrom: config.region, cutoff_auto: true };
        assert_eq!(Measured::of(&config.to_json()), Some(measured));
        config.cutoff = CutoffSpec::Pairs(vec![(1, 2, 2.4)]);
        assert_eq!(Measured::of(&config.to_json()), Some(Measured { cutoff_auto: false, ..measured }));
        assert_eq!(Measured::of(&serde_json::json!({"halt": "soft"})), None);
        assert_eq!(Measured::of(&serde_json::json!({"cutoff": "auto"})), None);
    }

    #[test]
    fn a_rate_is_quoted_only_for_the_persistence_that_it_was_chosen_for() {
        let (meta, mut config, dt_ps) = fitting();
        let alarm = meta.alarm.expect("a threshold");
        let here = facts(dt_ps, meta.atoms.map_or(0, |[least, _]| least));
        let said = |config: &FixConfig| introduction(config, &here, 1000).expect("fits");
        config.persist = alarm.persist;
        assert!(said(&config).contains("false-alarm rate of"), "{}", said(&config));
        config.persist = alarm.persist - 2;
        let text = said(&config);
        assert!(text.contains("warns at") && !text.contains("rate") && !text.contains('%'), "{text}");
        let expected =
            format!("chosen for persist {}: with persist {} nothing", alarm.persist, config.persist);
        assert!(text.contains(&expected), "{text}");
    }
}
