//! Numbers as people read them.

/// Three or four digits; "-" where undefined.
#[must_use]
pub fn number(value: f64) -> String {
    match value.abs() {
        _ if !value.is_finite() => "-".to_owned(),
        size if size >= 1e6 => format!("{value:.1e}"),
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// A time span in the unit that fits.
#[must_use]
pub fn seconds(value: f64) -> String {
    match value {
        _ if !value.is_finite() => "-".to_owned(),
        v if v < 99.5 => format!("{v:.0} s"),
        v if v < 99.5 * 60.0 => format!("{:.0} min", v / 60.0),
        v if v < 48.0 * 3600.0 => format!("{:.1} h", v / 3600.0),
        v => format!("{:.1} d", v / 86400.0),
    }
}

/// A share of one in percent.
#[must_use]
pub fn percent(share: f64) -> String {
    if share.is_finite() { format!("{:.0} %", 100.0 * share) } else { "-".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_undefined_ones_are_said_to_be() {
        let values = [0.0, 1.9912, -10.04, 163.19, 4.2e9, f64::NAN, f64::INFINITY];
        assert_eq!(values.map(number), ["0.00", "1.99", "-10.0", "163", "4.2e9", "-", "-"]);
    }

    #[test]
    fn spans_take_the_unit_that_fits() {
        let values = [0.4, 99.0, 100.0, 6000.0, 200_000.0, f64::NAN];
        assert_eq!(values.map(seconds), ["0 s", "99 s", "2 min", "1.7 h", "2.3 d", "-"]);
        assert_eq!(percent(0.093), "9 %");
    }
}
