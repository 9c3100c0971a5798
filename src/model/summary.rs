//! A window in few numbers per channel: what the perceptron and the boosted trees see.

/// Numbers per channel.
pub const NUMBERS: usize = 5;
/// Their names, in order.
pub const NAMES: [&str; NUMBERS] = ["last", "mean", "deviation", "slope", "rise"];

/// Summarises rows of `channels` values, oldest first: last value, mean, standard deviation,
/// least-squares slope over the window's length, and the mean of the last quarter minus that of the
/// first. Appends [`NUMBERS`] x `channels` numbers to `out`, all of one kind together.
///
/// # Panics
/// If there are no rows.
pub fn summarise<'a>(
    rows: impl ExactSizeIterator<Item = &'a [f32]> + Clone,
    channels: usize,
    out: &mut Vec<f32>,
) {
    let n = rows.len();
    assert!(n > 0, "no rows to summarise");
    let (first, count) = (out.len(), n as f32);
    out.resize(first + NUMBERS * channels, 0.0);
    let sums = &mut out[first..];
    let quarter = n.div_ceil(4);
    let center = 0.5 * (count - 1.0);
    for (t, row) in rows.clone().enumerate() {
        let place = t as f32 - center;
        let rise = f32::from(u8::from(t + quarter >= n)) - f32::from(u8::from(t < quarter));
        for (k, &x) in row.iter().enumerate() {
            sums[channels + k] += x;
            sums[3 * channels + k] += place * x;
            sums[4 * channels + k] += rise * x;
            if t + 1 == n {
                sums[k] = x;
            }
        }
    }
    // Sum of squared places; a single frame has no slope.
    let spread = (count * (count * count - 1.0) / 12.0).max(1.0);
    for k in 0..channels {
        sums[channels + k] /= count;
        sums[3 * channels + k] *= count / spread;
        sums[4 * channels + k] /= quarter as f32;
    }
    for row in rows {
        for (k, &x) in row.iter().enumerate() {
            let mean = sums[channels + k];
            sums[2 * channels + k] += (x - mean) * (x - mean);
        }
    }
    for k in 0..channels {
        sums[2 * channels + k] = (sums[2 * channels + k] / count).sqrt();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ramp_and_a_constant() {
        let rows: Vec<[f32; 2]> = (0..8).map(|t| [t as f32, 3.0]).collect();
        let mut out = Vec::new();
        summarise(rows.iter().map(<[f32; 2]>::as_slice), 2, &mut out);
        // Variance of 0..=7 is 21/4; one per frame over 8 frames; 6.5 - 0.5.
        let expected = [7.0, 3.0, 3.5, 3.0, 5.25f32.sqrt(), 0.0, 8.0, 0.0, 6.0, 0.0];
        for (found, expected) in out.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-5, "{out:?}");
        }
    }

    #[test]
    fn one_frame_is_its_own_mean() {
        let mut out = Vec::new();
        summarise([[2.0f32].as_slice()].into_iter(), 1, &mut out);
        assert_eq!(out, [2.0, 2.0, 0.0, 0.0, 0.0]);
    }
}
