//! Numbers with their intervals, as page and card show them.

use crate::learn::score::bootstrap::Interval;

/// A number with its interval in plain text, `none` where there is no number.
pub fn plain(interval: Option<&Interval>, digits: usize) -> String {
    match parts(interval, digits) {
        Some((value, Some(range))) => format!("{value} {range}"),
        Some((value, None)) => format!("{value} (no interval)"),
        None => "none".to_owned(),
    }
}

/// The same in HTML.
pub fn html(interval: Option<&Interval>, digits: usize) -> String {
    match parts(interval, digits) {
        Some((value, Some(range))) => format!("{value} <small>{range}</small>"),
        Some((value, None)) => value,
        None => "–".to_owned(),
    }
}

/// The same in HTML, with the paper's placeholder behind it.
pub fn beside(interval: Option<&Interval>, digits: usize, paper: Option<f64>) -> String {
    let placeholder = paper.map_or(String::new(), |p| format!(" <span class=paper>paper {p}</span>"));
    format!("{}{placeholder}", html(interval, digits))
}

fn parts(interval: Option<&Interval>, digits: usize) -> Option<(String, Option<String>)> {
    let i = interval.filter(|i| i.value.is_finite())?;
    let range = || format!("[{:.digits$}, {:.digits$}]", i.low, i.high);
    Some((format!("{:.digits$}", i.value), (i.low.is_finite() && i.high.is_finite()).then(range)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_is_not_shown_as_a_number() {
        assert_eq!((plain(None, 2), html(None, 2)), ("none".to_owned(), "–".to_owned()));
        assert_eq!(plain(Some(&Interval::bare(f64::NAN)), 2), "none");
        assert_eq!(plain(Some(&Interval::bare(7.9)), 1), "7.9 (no interval)");
        let interval = Interval { value: 0.91, low: 0.805, high: 1.0 };
        assert_eq!(plain(Some(&interval), 2), "0.91 [0.81, 1.00]");
        let shown = "0.91 <small>[0.81, 1.00]</small> <span class=paper>paper 0.906</span>";
        assert_eq!(beside(Some(&interval), 2, Some(0.906)), shown);
    }
}
