//! Rank 0's part of a sample: reduced sums and gathered mail become frames.

use super::payload::{MASS, Mail, Sections};
use super::shared::Surface;
use super::{Extractor, Finished, LabelEvent};
use crate::descriptors::{
    Values, bonds, clusters, coordination, energy, environment, mixing, motion, order, radial, surface,
    turnover,
};
use crate::frame::{Condition, Frame};
use crate::geometry::Cell;

/// Pairs whose first shell lies further out than this multiple of the shortest take no part.
const LONGEST_SHELL: f64 = 2.0;

/// Averages over the reference, per interface; on rank 0 only.
#[derive(Debug, Clone, Default)]
pub struct Reference {
    /// Summed g(r) histograms of the type pairs.
    pub(super) search: Vec<f64>,
    /// Sum and number of samples of the mean energy, eV.
    pub(super) energy: Vec<[f64; 2]>,
    /// Sum and number of samples of the foreign share.
    pub(super) foreign: Vec<[f64; 2]>,
    /// Summed environment histograms.
    pub(super) environments: Vec<Vec<f64>>,
}

/// Length of the control words.
#[must_use]
pub fn control_length(interfaces: usize, ntypes: usize) -> usize {
    3 + 2 * interfaces + 1 + ntypes * ntypes
}

impl Extractor {
    /// Makes frames of the reduced payload, which stands where this rank's own stood, and of the
    /// gathered mail. Rank 0 only; `step` is LAMMPS's.
    #[must_use]
    pub fn finish(&mut self, mail: &[f64], step: i64, cell: &Cell) -> Finished {
        let payload = std::mem::take(&mut self.scratch.payload);
        let finished = self.finish_payload(&payload, mail, step, cell);
        self.scratch.payload = payload;
        finished
    }

    fn finish_payload(&mut self, payload: &[f64], mail: &[f64], step: i64, cell: &Cell) -> Finished {
        let cell = self.shared.reference_cell.map_or(*cell, |reference| cell.pinned_to(&reference));
        let mut notes = Vec::new();
        let (mut foreign, mut events) = (Vec::new(), Vec::new());
        for item in Mail::read_all(mail) {
            match item {
                Mail::Foreign(atom) => foreign.push(atom),
                Mail::Label(event) => events.push(event),
            }
        }
        // Ranks arrive in order, but atoms within a rank do not: ids make the record independent
        // of the decomposition.
        events.sort_by_key(|e: &LabelEvent| (e.interface, e.id, e.partner, e.kind as u8));

        let mass = &payload[MASS..MASS + 4];
        let com = if mass[0] > 0.0 { std::array::from_fn(|k| mass[1 + k] / mass[0]) } else { [0.0; 3] };
        let expected = self.shared.com_expected;
        let shift = cell.cartesian(&std::array::from_fn(|k| com[k] - expected[k]));

        let averaging = self.shared.index < self.plan.reference_samples;
        let n = self.shared.surfaces.len();
        self.reference.energy.resize(n, [0.0; 2]);
        self.reference.foreign.resize(n, [0.0; 2]);
        self.reference.environments.resize(n, Vec::new());
        let mut surfaces = self.shared.surfaces.clone();
        let mut frames = Vec::with_capacity(n);
        for f in 0..n {
            let sections = self.layout.sections[f].clone();
            let fit = surface::fit(&payload[sections.surface.clone()], self.shared.region);
            let was_lost = surfaces[f].lost;
            self.move_surface(&mut surfaces[f], fit.as_ref(), &cell);
            if surfaces[f].lost != was_lost {
                let what =
                    if was_lost { "found again" } else { "lost: the composition no longer crosses 50 %" };
                notes.push(format!("interface {}: surface {what} at step {step}", f + 1));
            }
            self.average(f, payload, &sections, averaging);
            let (condition, values) = match fit {
                _ if averaging => (Condition::Reference, Values::new(self.plan.rdf)),
                Some(fit) => {
                    (Condition::Measured, self.values(f, payload, &sections, &foreign, &fit, shift, &cell))
                }
                None => (Condition::NoSurface, Values::new(self.plan.rdf)),
            };
            frames.push(Frame {
                index: self.shared.index,
                step,
                time_ps: self.shared.index as f64 * self.plan.interval_ps,
                interface: f,
                condition,
                values: values.into_vec(),
            });
        }

        let mut control = Vec::with_capacity(control_length(n, self.plan.ntypes));
        control.extend(com);
        for surface in &surfaces {
            control.extend([surface.position, f64::from(u8::from(surface.lost))]);
        }
        let cutoffs = self.find_cutoffs(payload, &mut notes);
        control.push(f64::from(u8::from(cutoffs.is_some())));
        control.extend(cutoffs.unwrap_or_else(|| vec![0.0; self.plan.ntypes.pow(2)]));
        Finished { frames, events, notes, control }
    }

    fn move_surface(&self, surface: &mut Surface, fit: Option<&surface::Fit>, cell: &Cell) {
        surface.lost = fit.is_none();
        if let Some(fit) = fit {
            let axis = self.plan.axis;
            let moved = surface.position + surface.orientation * fit.position / cell.height(axis);
            surface.position = if cell.periodic[axis] { moved - moved.floor() } else { moved };
        }
    }

    /// Adds this sample to the reference's averages while they are being taken.
    fn average(&mut self, f: usize, payload: &[f64], sections: &Sections, averaging: bool) {
        if averaging {
            let energy = energy::mean_energy(&payload[sections.energy.clone()]);
            if energy.is_finite() {
                self.reference.energy[f][0] += energy;
                self.reference.energy[f][1] += 1.0;
            }
        } else if self.shared.index < self.plan.reference_samples + self.plan.settle_samples {
            let share = bonds::foreign_share(&payload[sections.bonds.clone()]);
            if share.is_finite() {
                self.reference.foreign[f][0] += share;
                self.reference.foreign[f][1] += 1.0;
            }
            let environments = &payload[sections.environment.clone()];
            let sums = &mut self.reference.environments[f];
            sums.resize(environments.len(), 0.0);
            sums.iter_mut().zip(environments).for_each(|(sum, n)| *sum += n);
        }
    }

    #[allow(clippy::too_many_arguments)]
    fn values(
        &self,
        f: usize,
        payload: &[f64],
        sections: &Sections,
        foreign: &[clusters::Foreign],
        fit: &surface::Fit,
        shift: [f64; 3],
        cell: &Cell,
    ) -> Values {
        let axis = self.plan.axis;
        let orientation = self.shared.surfaces[f].orientation;
        let area = cell.area(axis);
        let region = self.shared.region;
        let volume = 2.0 * region * area;
        let mut values = Values::new(self.plan.rdf);
        let frame = motion::Frame {
            shift,
            normal: cell.normal(axis).map(|v| v * orientation),
            lag_ps: self.plan.lag_samples as f64 * self.plan.interval_ps,
            dimension: self.plan.dimension,
        };
        motion::finish(&payload[sections.motion.clone()], &frame, &mut values);
        surface::finish(&payload[sections.surface.clone()], region, fit, &mut values);
        mixing::finish(&payload[sections.mixing.clone()], region, &mut values);
        let [energy_sum, energy_samples] = self.reference.energy[f];
        energy::finish(
            &payload[sections.energy.clone()],
            &payload[sections.maxima.clone()],
            &cell.normal(axis),
            volume,
            energy_sum / energy_samples,
            &mut values,
        );
        coordination::finish(&payload[sections.coordination.clone()], &mut values);
        // Until the settling time is over there is no reference to compare with.
        let settled = self.shared.index >= self.plan.reference_samples + self.plan.settle_samples;
        let [share_sum, share_samples] = self.reference.foreign[f];
        let share = if settled { share_sum / share_samples } else { f64::NAN };
        bonds::finish(&payload[sections.bonds.clone()], share, &mut values);
        turnover::finish(&payload[sections.turnover.clone()], &mut values);
        order::finish(&payload[sections.order.clone()], &mut values);
        let reference: &[f64] = if settled { &self.reference.environments[f] } else { &[] };
        environment::finish(&payload[sections.environment.clone()], reference, &mut values);
        clusters::finish(foreign, f, area, &mut values);
        if self.plan.rdf {
            radial::finish(&payload[sections.radial.clone()], self.plan.rdf_range, volume, &mut values);
        }
        values
    }

    /// At the last sample of the reference, cutoffs of all type pairs from the summed g(r).
    fn find_cutoffs(&mut self, payload: &[f64], notes: &mut Vec<String>) -> Option<Vec<f64>> {
        if !self.searching() {
            return None;
        }
        let search = &payload[self.layout.search.clone()];
        self.reference.search.resize(search.len(), 0.0);
        self.reference.search.iter_mut().zip(search).for_each(|(sum, n)| *sum += n);
        if self.shared.index + 1 < self.plan.reference_samples {
            return None;
        }
        let n = self.plan.ntypes;
        let limit = self.coverage / super::BREAK_FACTOR;
        let mut cut_short = false;
        let shells: Vec<(usize, usize, f64)> = (0..n)
            .flat_map(|i| (i..n).map(move |j| (i, j)))
            .filter_map(|(i, j)| {
                let at = radial::type_pair(i, j) * radial::REFERENCE_BINS;
                let histogram = &self.reference.search[at..at + radial::REFERENCE_BINS];
                let cutoff = radial::first_minimum(histogram, self.search_range())?;
                cut_short |= cutoff > limit;
                Some((i, j, cutoff.min(limit)))
            })
            .collect();
        // A first shell that far out is a second neighbour by way of another type (P-P in a
        // phosphate), not a contact.
        let furthest = LONGEST_SHELL * shells.iter().map(|s| s.2).fold(f64::INFINITY, f64::min);
        let mut cutoffs = vec![0.0; n * n];
        let mut found = Vec::new();
        for (i, j, cutoff) in shells.into_iter().filter(|s| s.2 <= furthest) {
            cutoffs[i * n + j] = cutoff;
            cutoffs[j * n + i] = cutoff;
            found.push(format!("{} {} {:.3}", i + 1, j + 1, cutoff / self.plan.factors[0]));
        }
        notes.push(if found.is_empty() {
            "cutoffs: no type pair has a first shell in the region; neighbour descriptors stay undefined; give \
             them with keyword cutoff"
                .to_owned()
        } else {
            format!("cutoffs from the first minimum of g(r): {}", found.join(", "))
        });
        if cut_short {
            notes.push(format!(
                "WARNING: a first shell reaches beyond the {:.4} that ghost atoms cover and is cut off there; raise \
                 it with comm_modify cutoff",
                self.coverage / self.plan.factors[0]
            ));
        }
        self.reference.search = Vec::new();
        Some(cutoffs)
    }
}
