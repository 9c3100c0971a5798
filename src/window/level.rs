//! Level of every column over the run's own baseline: what learned models measure changes from.

use std::sync::Arc;

use crate::error::Result;
use crate::restart::{Decoder, Encoder};

/// Mean and standard deviation of a column over the baseline, NaN where less than two frames had it.
pub type Levels = Arc<[[f64; 2]]>;

/// Running mean and sum of squared deviations per column (Welford, doi:10.1080/00401706.1962.10490022).
#[derive(Debug, Clone, Default)]
pub struct Level {
    columns: Vec<[f64; 3]>,
    closed: Option<Levels>,
}

impl Level {
    /// Adds a frame of the baseline; undefined values are left out.
    pub fn add(&mut self, row: &[f64]) {
        self.columns.resize(row.len(), [0.0; 3]);
        for ([count, mean, squares], &value) in self.columns.iter_mut().zip(row) {
            if !value.is_nan() {
                *count += 1.0;
                let before = value - *mean;
                *mean += before / *count;
                *squares += before * (value - *mean);
            }
        }
        self.closed = None;
    }

    /// Mean and standard deviation per column of a window `width` columns wide.
    pub fn levels(&mut self, width: usize) -> Levels {
        let columns = &mut self.columns;
        columns.resize(width, [0.0; 3]);
        let closed = self.closed.get_or_insert_with(|| {
            columns
                .iter()
                .map(
                    |&[count, mean, squares]| {
                        if count < 2.0 { [f64::NAN; 2] } else { [mean, (squares / (count - 1.0)).sqrt()] }
                    },
                )
                .collect()
        });
        Arc::clone(closed)
    }

    /// Saves the state for a restart.
    pub fn encode(&self, out: &mut Encoder) {
        out.f64s(self.columns.as_flattened());
    }

    /// Replaces the state by a saved one of `width` columns (none before the baseline).
    ///
    /// # Errors
    /// [`crate::Error::State`] when it has another width.
    pub fn decode(&mut self, input: &mut Decoder<'_>, width: usize) -> Result<()> {
        let flat = input.f64s()?;
        if !flat.is_empty() && flat.len() != 3 * width {
            return Err(crate::Error::State(format!(
                "levels of {} values, expected {width}",
                flat.len() / 3
            )));
        }
        self.columns = flat.as_chunks::<3>().0.to_vec();
        self.closed = None;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mean_and_deviation_leave_out_what_is_undefined() {
        let mut level = Level::default();
        for row in [[1.0, 5.0, f64::NAN], [2.0, f64::NAN, f64::NAN], [6.0, 7.0, 1.0]] {
            level.add(&row);
        }
        let levels = level.levels(3);
        assert_eq!(levels[0], [3.0, 7f64.sqrt()]);
        assert_eq!(levels[1], [6.0, 2f64.sqrt()]);
        assert!(levels[2][0].is_nan());
        let mut out = Encoder::new();
        level.encode(&mut out);
        let bytes = out.seal("level", 1);
        let mut again = Level::default();
        again.decode(&mut Decoder::open(&bytes, "level", 1).expect("sealed"), 3).expect("three columns");
        assert_eq!(again.levels(3)[..2], levels[..2]);
    }
}
