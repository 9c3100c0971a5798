//! One rank's share of a sample: partial sums over its atoms, mail for rank 0, per-atom output.
//!
//! Two passes. The first visits every owned atom of the group once: centre of mass, composition,
//! energy, displacements of tracked atoms. The second visits framework atoms near an interface
//! with their neighbours from a cell list of our own.

mod neighborhood;

use super::Extractor;
use super::payload::{LabelEvent, LabelKind, Mail, Sections};
use super::plan::NO_SPECIES;
use crate::atoms::{AtomsView, Side};
use crate::config::Role;
use crate::descriptors::motion::Population;
use crate::descriptors::{energy, mixing, motion, order, radial, surface};
use crate::error::{Error, Result};
use crate::geometry::{Cell, norm};
use crate::neighbors::{CellList, Neighbors};
use neighborhood::id_of;

/// A framework atom whose neighbours are needed.
#[derive(Debug, Clone, Copy)]
struct Active {
    atom: u32,
    candidate: u32,
    interface: u8,
    in_region: bool,
    /// Beyond the surface by more than half a bond.
    foreign: bool,
    column: u16,
}

/// A framework atom that may be a neighbour.
#[derive(Debug, Clone, Copy)]
struct Candidate {
    atom: u32,
    id: u32,
    species: u8,
    side: Side,
    foreign: bool,
}

/// Buffers kept between samples.
#[derive(Debug, Default)]
pub struct Scratch {
    pub(super) payload: Vec<f64>,
    pub(super) mail: Vec<f64>,
    pub(super) per_atom: Vec<[f64; 3]>,
    pub(super) shift: Vec<[f64; 3]>,
    /// Sides of owned atoms and ghosts, none outside the fix's group.
    pub(super) side: Vec<u8>,
    active: Vec<Active>,
    candidates: Vec<Candidate>,
    positions: Vec<[f64; 3]>,
    cells: CellList,
    found: Neighbors,
    sieve: neighborhood::Sieve,
    directions: order::Directions,
}

impl Scratch {
    pub(super) fn bytes(&self) -> usize {
        (self.payload.capacity() + self.mail.capacity()) * 8
            + (self.per_atom.capacity() + self.shift.capacity() + self.positions.capacity()) * 24
            + self.active.capacity() * size_of::<Active>()
            + self.candidates.capacity() * size_of::<Candidate>()
            + self.cells.bytes()
    }
}

/// Facts of the current sample.
struct Sample {
    cell: Cell,
    height: f64,
    axis: usize,
    lateral: [usize; 2],
    /// The reference is still being averaged.
    averaging: bool,
    /// First sample after the reference.
    fixing: bool,
    /// Positions of a lag ago are known.
    lagged: bool,
    /// Neighbours of a lag ago are known.
    turning: bool,
    slot: usize,
    previous_slot: usize,
    first: bool,
    /// Furthest depth of a neighbour candidate.
    band: f64,
    /// Radius of the neighbour search.
    reach: f64,
    /// Depth beyond the surface from which an atom is foreign.
    foreign_depth: f64,
}

impl Extractor {
    /// Measures this rank's atoms. After an error the caller must call [`Extractor::fail`] and
    /// still take part in the reduction.
    ///
    /// # Errors
    /// [`Error::Limit`] when an atom has more neighbours than its record holds, ids exceed 31 bits, or
    /// the box was flipped.
    pub fn local(&mut self, view: &AtomsView) -> Result<()> {
        let mut scratch = std::mem::take(&mut self.scratch);
        self.layout.clear(&mut scratch.payload);
        scratch.mail.clear();
        scratch.per_atom.clear();
        scratch.per_atom.resize(view.nlocal, [0.0; 3]);
        let sections: Vec<Sections> = self.layout.sections.clone();
        let sample = self.sample(view);
        if sample.first || self.shared.index.is_multiple_of(64) {
            self.store.sweep(view.nlocal);
        }
        let owned =
            self.same_box(view).and_then(|()| self.every_atom(view, &sample, &sections, &mut scratch));
        let outcome = owned.and_then(|()| {
            if sample.averaging {
                if self.searching() {
                    self.collect_ghosts(view, &sample, &mut scratch)?;
                    self.search(&mut scratch, &sample);
                }
                return Ok(());
            }
            self.collect_ghosts(view, &sample, &mut scratch)?;
            self.every_neighbor(view, &sample, &sections, &mut scratch)
        });
        scratch.payload[super::MAIL] = scratch.mail.len() as f64;
        self.scratch = scratch;
        outcome
    }

    /// Stored positions are fractions of the box vectors: a flip to other vectors of the same lattice
    /// would turn them into something else.
    fn same_box(&mut self, view: &AtomsView) -> Result<()> {
        let last = self.last_cell.replace(view.cell);
        if last.is_some_and(|last| last.flipped_to(&view.cell)) {
            return Err(Error::Limit(
                "the box was flipped to other box vectors; give fix npt or fix deform the keyword flip no"
                    .to_owned(),
            ));
        }
        Ok(())
    }

    fn sample(&self, view: &AtomsView) -> Sample {
        let cell = self.cell(view);
        let index = self.shared.index;
        let lag = self.plan.lag_samples as u64;
        let measured_from = self.plan.reference_samples;
        let averaging = index < measured_from;
        let reach = if averaging {
            self.search_range()
        } else {
            let radial = if self.plan.rdf { self.plan.rdf_range } else { 0.0 };
            self.chemistry.reach().max(self.rules.reach()).max(radial)
        };
        Sample {
            height: cell.height(self.plan.axis),
            cell,
            axis: self.plan.axis,
            lateral: self.plan.lateral(),
            averaging,
            fixing: index == measured_from,
            lagged: index >= measured_from + lag,
            turning: index >= measured_from + lag,
            slot: self.slot(),
            previous_slot: ((index + lag - 1) % lag) as usize,
            first: index == 0,
            band: self.shared.region + 2.0 * reach,
            reach,
            foreign_depth: if self.chemistry.jump().is_finite() { self.chemistry.jump() } else { 0.0 },
        }
    }

    fn every_atom(
        &mut self,
        view: &AtomsView,
        sample: &Sample,
        sections: &[Sections],
        scratch: &mut Scratch,
    ) -> Result<()> {
        scratch.active.clear();
        scratch.candidates.clear();
        scratch.positions.clear();
        let region = self.shared.region;
        let periodic = sample.cell.periodic;
        let expected = self.shared.com_expected;
        let lag_shift = if sample.lagged {
            let then = self.shared.com_ring[sample.slot];
            std::array::from_fn(|k| expected[k] - then[k])
        } else {
            [0.0; 3]
        };
        let averaged = (self.shared.index + 1) as f64;
        let scale = sample.cell.scale();
        let jump = self.chemistry.jump();
        let mut mass = [0.0; 4];
        for i in 0..view.nlocal {
            let observed = view.mask[i] & view.groupbit != 0;
            if !observed && !self.store.header(i).tracked() {
                continue;
            }
            let s = sample.cell.fractional(&view.x[i]);
            let image = view.image.get(i);
            let unwrapped = [s[0] + image[0], s[1] + image[1], s[2] + image[2]];
            if !observed {
                // It may come back into a dynamic group, and then needs its position of a lag ago.
                self.store.swap_position(i, sample.slot, unwrapped);
                continue;
            }
            let header = self.store.header_mut(i);
            if sample.averaging {
                if sample.first {
                    header.referenced = true;
                    header.reference = unwrapped;
                } else if header.referenced {
                    for k in 0..3 {
                        header.reference[k] += (unwrapped[k] - header.reference[k]) / averaged;
                    }
                }
            } else if header.referenced {
                let m = view.mass_of(i);
                mass[0] += m;
                for k in 0..3 {
                    mass[1 + k] += m * (unwrapped[k] - header.reference[k]);
                }
            }
            let side = header.side;
            if side == Side::None {
                continue;
            }
            let (interface, depth) = self.shared.depth(s[sample.axis], sample.height, periodic[sample.axis]);
            let in_region = depth.abs() < region;
            let tracked = header.tracked();
            let species = self.chemistry.species(view.kind[i], side);
            let framework = species != NO_SPECIES;
            let beyond = if side == Side::A { depth } else { -depth };
            if !(in_region || tracked || (framework && (depth.abs() < sample.band || beyond > 0.0))) {
                continue;
            }
            let section = &sections[interface];
            let column = self.column(&s, sample, &periodic);
            if framework {
                if in_region {
                    surface::add(
                        &mut scratch.payload[section.surface.clone()],
                        side == Side::B,
                        depth,
                        region,
                        column,
                    );
                }
                if in_region || beyond > 0.0 {
                    mixing::add(&mut scratch.payload[section.mixing.clone()], beyond, region);
                }
            }
            if let (true, Some(pe), Some(stress)) = (in_region, view.pe, view.stress) {
                let volume = scale * scale * scale * self.plan.factors[2];
                let (sums, maxima) = scratch.payload.split_at_mut(section.maxima.start);
                energy::add(
                    &mut sums[section.energy.clone()],
                    &mut maxima[..energy::MAXIMA],
                    pe[i] * self.plan.factors[1],
                    &stress[i].map(|v| v * volume),
                );
            }
            let mobile = !framework && self.plan.roles[view.kind[i] as usize - 1] == Role::Mobile;
            if sample.first && in_region && (framework || mobile) {
                let header = self.store.header_mut(i);
                header.interface = interface as u8;
                header.home_a = depth < 0.0;
                header.id = id_of(view, i)?;
                self.store.track(i, framework);
                if framework && self.rules.holds_bonds(view.kind[i] as usize) {
                    self.store.track_label(i);
                }
            }
            let foreign = framework && beyond > sample.foreign_depth;
            if framework && (depth.abs() < sample.band || foreign) {
                let near = in_region
                    || foreign
                    || (self.store.header(i).has_topology() && depth.abs() < region + sample.reach);
                if near {
                    scratch.active.push(Active {
                        atom: i as u32,
                        candidate: scratch.candidates.len() as u32,
                        interface: interface as u8,
                        in_region,
                        foreign,
                        column: column as u16,
                    });
                }
                let id = id_of(view, i)?;
                scratch.candidates.push(Candidate { atom: i as u32, id, species, side, foreign });
                scratch.positions.push(view.x[i].map(|v| v * scale));
            }
            if sample.averaging || !tracked {
                continue;
            }
            let header = self.store.header(i);
            if i64::from(header.id) != view.id.get(i) {
                return Err(Error::Limit(format!(
                    "atom {} carries the state of atom {}: atom ids were changed after the fix was defined; \
                     unfix and define it again",
                    view.id.get(i),
                    header.id
                )));
            }
            let home = header.interface as usize;
            let motion_section = &mut scratch.payload[sections[home].motion.clone()];
            let d = sample
                .cell
                .cartesian(&std::array::from_fn(|k| unwrapped[k] - header.reference[k] - expected[k]));
            let population = match (framework, side) {
                (false, _) => Population::Mobile,
                (true, Side::A) => Population::FrameworkA,
                _ => Population::FrameworkB,
            };
            motion::add_displacement(motion_section, population, &d);
            if population == Population::Mobile {
                motion::add_exchange(motion_section, (depth < 0.0) != header.home_a);
            }
            let moved = norm(&d);
            scratch.per_atom[i][0] = moved;
            self.watch_site(view, i, moved, &mut scratch.mail);
            let then = self.store.swap_position(i, sample.slot, unwrapped);
            if sample.lagged {
                let l =
                    sample.cell.cartesian(&std::array::from_fn(|k| unwrapped[k] - then[k] - lag_shift[k]));
                motion::add_lag(motion_section, population, &l, jump);
            }
        }
        scratch.payload[super::payload::MASS..super::payload::MASS + 4].copy_from_slice(&mass);
        Ok(())
    }

    fn watch_site(&mut self, view: &AtomsView, i: usize, moved: f64, mail: &mut Vec<f64>) {
        let Some(rule) = self.rules.site(view.kind[i] as usize).copied() else {
            return;
        };
        let header = self.store.header_mut(i);
        let kind = match header.away {
            false if moved > rule.leave => LabelKind::SiteLeft,
            true if moved < rule.return_ => LabelKind::SiteRegained,
            _ => return,
        };
        header.away = kind == LabelKind::SiteLeft;
        let interface = header.interface as usize;
        Mail::Label(LabelEvent { interface, kind, id: view.id.get(i) as u32, partner: 0 }).write(mail);
    }

    fn column(&self, s: &[f64; 3], sample: &Sample, periodic: &[bool; 3]) -> usize {
        let cell = |k: usize| {
            let axis = sample.lateral[k];
            let q = if periodic[axis] { wrapped(s[axis]) } else { s[axis].clamp(0.0, 1.0) };
            ((q * self.shared.grid[k] as f64) as usize).min(self.shared.grid[k] - 1)
        };
        cell(0) * self.shared.grid[1] + cell(1)
    }

    /// Adds ghosts near an interface to the candidates.
    fn collect_ghosts(&self, view: &AtomsView, sample: &Sample, scratch: &mut Scratch) -> Result<()> {
        let scale = sample.cell.scale();
        let periodic = sample.cell.periodic[sample.axis];
        for i in view.nlocal..view.x.len() {
            let side = self.side_in(scratch, i);
            let species = self.chemistry.species(view.kind[i], side);
            if species == NO_SPECIES {
                continue;
            }
            let q = sample.cell.fractional(&view.x[i])[sample.axis];
            let (_, depth) = self.shared.depth(q, sample.height, periodic);
            let foreign = if side == Side::A { depth } else { -depth } > sample.foreign_depth;
            if depth.abs() < sample.band || foreign {
                let id = id_of(view, i)?;
                scratch.candidates.push(Candidate { atom: i as u32, id, species, side, foreign });
                scratch.positions.push(view.x[i].map(|v| v * scale));
            }
        }
        scratch.cells.build(&scratch.positions, sample.reach);
        Ok(())
    }

    fn side_in(&self, scratch: &Scratch, i: usize) -> Side {
        scratch.side.get(i).map_or(Side::None, |&code| Side::from_code(code))
    }

    /// Pair distances by type pair, for the reference's cutoffs.
    fn search(&self, scratch: &mut Scratch, sample: &Sample) {
        let range = sample.reach;
        let (active, positions) = (&scratch.active, &scratch.positions);
        let search = &mut scratch.payload[self.layout.search.clone()];
        for a in active.iter().filter(|a| a.in_region) {
            let kind = self.chemistry.member(scratch.candidates[a.candidate as usize].species).0;
            scratch.cells.query(&positions[a.candidate as usize], a.candidate, &mut scratch.found);
            for near in &scratch.found.list {
                let other = self.chemistry.member(scratch.candidates[near.index as usize].species).0;
                let bin = (near.r2.sqrt() / range * radial::REFERENCE_BINS as f64) as usize;
                let at = radial::type_pair(kind, other) * radial::REFERENCE_BINS;
                search[at + bin.min(radial::REFERENCE_BINS - 1)] += 1.0;
            }
        }
    }
}

/// Into [0, 1). Owned atoms stray little from the box between reneighbouring: no division, no call.
#[inline]
fn wrapped(mut q: f64) -> f64 {
    if q.abs() > 4.0 {
        q -= q.floor();
    }
    while q < 0.0 {
        q += 1.0;
    }
    while q >= 1.0 {
        q -= 1.0;
    }
    q
}
