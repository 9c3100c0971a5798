//! The extractor's share of a restart: what all ranks know alike, and rank 0's averages.
//!
//! Per-atom state is written by LAMMPS atom by atom and is not part of it.

use super::Extractor;
use super::root::Reference;
use super::shared::{Shared, Surface};
use crate::error::{Error, Result};
use crate::geometry::Cell;

/// Format of the words; raised whenever they change.
const VERSION: u64 = 2;

/// Writes words; integers are stored by their bits.
#[derive(Debug, Default)]
struct Writer(Vec<u64>);

impl Writer {
    fn count(&mut self, n: usize) {
        self.0.push(n as u64);
    }

    fn floats(&mut self, values: &[f64]) {
        self.count(values.len());
        self.0.extend(values.iter().map(|v| v.to_bits()));
    }
}

/// Reads them back.
struct Reader<'a>(&'a [u64]);

impl Reader<'_> {
    fn word(&mut self) -> Result<u64> {
        let (first, rest) =
            self.0.split_first().ok_or_else(|| Error::State("extractor state is truncated".into()))?;
        self.0 = rest;
        Ok(*first)
    }

    fn count(&mut self) -> Result<usize> {
        let n = self.word()? as usize;
        if n > self.0.len() {
            return Err(Error::State("extractor state is truncated".into()));
        }
        Ok(n)
    }

    fn floats(&mut self) -> Result<Vec<f64>> {
        let n = self.count()?;
        let (head, rest) = self.0.split_at(n);
        self.0 = rest;
        Ok(head.iter().map(|&w| f64::from_bits(w)).collect())
    }
}

impl Extractor {
    /// The state as bytes, on rank 0.
    #[must_use]
    pub fn save(&self) -> Vec<u8> {
        let mut w = Writer::default();
        w.0.extend([
            VERSION,
            self.plan.lag_samples as u64,
            self.plan.reference_samples,
            self.plan.ntypes as u64,
            self.plan.interval_ps.to_bits(),
            u64::from(!self.rules.is_empty()),
            self.shared.index,
        ]);
        let shared = &self.shared;
        w.floats(
            &shared
                .surfaces
                .iter()
                .flat_map(|s| {
                    [s.position, s.orientation, f64::from(u8::from(s.lost)), s.cut.unwrap_or(f64::NAN)]
                })
                .collect::<Vec<_>>(),
        );
        w.floats(&[shared.region, shared.grid[0] as f64, shared.grid[1] as f64]);
        w.floats(shared.counts.as_flattened());
        w.floats(&shared.cutoffs);
        w.floats(&shared.reference_cell.map_or(Vec::new(), |cell| cell.to_words().to_vec()));
        w.floats(&[shared.com, shared.com_expected].concat());
        w.floats(shared.com_ring.as_flattened());
        w.floats(&self.reference.search);
        w.floats(self.reference.energy.as_flattened());
        w.floats(self.reference.foreign.as_flattened());
        w.count(self.reference.environments.len());
        for histogram in &self.reference.environments {
            w.floats(histogram);
        }
        w.0.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    /// Takes up a saved state, on every rank; `periodic` is the box's.
    ///
    /// # Errors
    /// [`Error::State`] when it is damaged or was saved by a fix with other settings.
    pub fn restore(&mut self, bytes: &[u8], periodic: [bool; 3]) -> Result<()> {
        let (chunks, rest) = bytes.as_chunks::<8>();
        if !rest.is_empty() {
            return Err(Error::State("extractor state is truncated".into()));
        }
        let words: Vec<u64> = chunks.iter().map(|c| u64::from_le_bytes(*c)).collect();
        let mut r = Reader(&words);
        for (name, own) in [
            ("state version", VERSION),
            ("lag in samples", self.plan.lag_samples as u64),
            ("reference in samples", self.plan.reference_samples),
            ("number of atom types", self.plan.ntypes as u64),
        ] {
            let saved = r.word()?;
            if saved != own {
                return Err(Error::State(format!("{name} is {own} here, but {saved} in the restart file")));
            }
        }
        let interval = f64::from_bits(r.word()?);
        if (interval / self.plan.interval_ps - 1.0).abs() > 1e-9 {
            return Err(Error::State(format!(
                "time between samples is {} here, but {interval} in the restart file: keep N x timestep",
                self.plan.interval_ps
            )));
        }
        if (r.word()? == 1) == self.rules.is_empty() {
            return Err(Error::State("keyword label was given in only one of the two runs".into()));
        }
        let mut shared = Shared { index: r.word()?, ..Shared::default() };
        let surfaces = r.floats()?;
        shared.surfaces = surfaces
            .chunks_exact(4)
            .map(|s| Surface {
                position: s[0],
                orientation: s[1],
                lost: s[2] > 0.5,
                cut: Some(s[3]).filter(|cut| !cut.is_nan()),
            })
            .collect();
        let [region, g0, g1] = exactly(&r.floats()?)?;
        shared.region = region;
        shared.grid = [g0 as usize, g1 as usize];
        shared.counts = r.floats()?.as_chunks::<2>().0.to_vec();
        shared.cutoffs = r.floats()?;
        let cell = r.floats()?;
        shared.reference_cell = (cell.len() == 10).then(|| Cell::from_words(&cell, periodic));
        let com: [f64; 6] = exactly(&r.floats()?)?;
        shared.com = [com[0], com[1], com[2]];
        shared.com_expected = [com[3], com[4], com[5]];
        shared.com_ring = r.floats()?.as_chunks::<3>().0.to_vec();
        if shared.com_ring.len() != self.plan.lag_samples {
            return Err(Error::State("extractor state is inconsistent".into()));
        }
        let mut reference = Reference {
            search: r.floats()?,
            energy: r.floats()?.as_chunks::<2>().0.to_vec(),
            foreign: r.floats()?.as_chunks::<2>().0.to_vec(),
            environments: Vec::new(),
        };
        for _ in 0..r.count()? {
            reference.environments.push(r.floats()?);
        }
        self.shared = shared;
        self.reference = reference;
        if !self.shared.surfaces.is_empty() {
            self.adopt();
        }
        Ok(())
    }
}

fn exactly<const N: usize>(values: &[f64]) -> Result<[f64; N]> {
    values.try_into().map_err(|_| Error::State("extractor state is inconsistent".into()))
}
