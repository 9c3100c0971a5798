//! The second pass: framework atoms near an interface with their neighbours.

use super::{Sample, Scratch};
use crate::atoms::list::{self, BOND, List, NEIGHBOR_CAP};
use crate::atoms::store::Contact;
use crate::atoms::{AtomsView, Side};
use crate::descriptors::{
    bonds, clusters::Foreign, coordination, environment, order, radial, surface, turnover,
};
use crate::error::{Error, Result};
use crate::extractor::Extractor;
use crate::extractor::payload::{LabelEvent, LabelKind, Mail, Sections};
use crate::extractor::plan::Pair;
use crate::neighbors::Found;

impl Extractor {
    pub(super) fn every_neighbor(
        &mut self,
        view: &AtomsView,
        sample: &Sample,
        sections: &[Sections],
        scratch: &mut Scratch,
    ) -> Result<()> {
        let radial_range = self.plan.rdf_range;
        for k in 0..scratch.active.len() {
            let a = scratch.active[k];
            let i = a.atom as usize;
            let own = scratch.candidates[a.candidate as usize];
            let (kind, side) = self.chemistry.member(own.species);
            let pairs = self.chemistry.pairs_of(own.species);
            scratch.cells.query(&scratch.positions[a.candidate as usize], a.candidate, &mut scratch.found);
            let section = &sections[a.interface as usize];
            let topology = self.store.header(i).has_topology();
            if topology && sample.fixing {
                let list = self.averaged_neighbors(view, scratch, a.candidate)?;
                self.store.set_reference_neighbors(i, list.ids());
            }
            let previous = match (topology, sample.fixing) {
                (false, _) => &[],
                (true, true) => self.store.reference_neighbors(i),
                (true, false) => self.store.neighbors(i, sample.previous_slot),
            };
            let mut list = List::default();
            let mut counts = [0_usize; 2];
            let mut lengths = [[0.0; 3]; 3];
            let (mut touches, mut attached) = (false, false);
            let mut links = Vec::new();
            scratch.directions.clear(scratch.found.list.len());
            let (close, lingering) = scratch.sieve.sort(&scratch.found.list, |near| {
                pairs[usize::from(scratch.candidates[near.index as usize].species)]
            });
            for near in close.iter().map(|&at| scratch.found.list[at as usize]) {
                let j = scratch.candidates[near.index as usize];
                let bond = pairs[usize::from(j.species)].bond;
                if a.in_region {
                    let r = near.r2.sqrt();
                    scratch.directions.push(&near.d, r);
                    if bond {
                        counts[usize::from(j.side == Side::B)] += 1;
                        bonds::add(&mut lengths[class_of(side, j.side) as usize], r);
                    }
                }
                if j.side != side {
                    touches = true;
                } else if !j.foreign {
                    attached = true;
                } else if a.foreign {
                    links.push(j.id);
                }
                if topology && !list.push(if bond { j.id | BOND } else { j.id }) {
                    return Err(too_many(view, i));
                }
            }
            if topology {
                // A neighbour stays one until it is beyond the break radius.
                for near in lingering.iter().map(|&at| scratch.found.list[at as usize]) {
                    let j = scratch.candidates[near.index as usize];
                    let bond = pairs[usize::from(j.species)].bond;
                    if list::contains(previous, j.id) && !list.push(if bond { j.id | BOND } else { j.id }) {
                        return Err(too_many(view, i));
                    }
                }
                list.sort();
            }
            if self.plan.rdf && a.in_region {
                let radial = &mut scratch.payload[section.radial.clone()];
                for near in scratch.found.list.iter().filter(|near| near.r2 < radial_range * radial_range) {
                    let class = class_of(side, scratch.candidates[near.index as usize].side) as usize;
                    radial::add_pair(radial, class, near.r2.sqrt(), radial_range);
                }
            }
            if a.in_region {
                let (to_own, to_other) =
                    if side == Side::A { (counts[0], counts[1]) } else { (counts[1], counts[0]) };
                let payload = &mut scratch.payload;
                bonds::add_lengths(&mut payload[section.bonds.clone()], &lengths);
                coordination::add(
                    &mut payload[section.coordination.clone()],
                    side == Side::B,
                    to_own as f64,
                    to_other as f64,
                );
                environment::add(&mut payload[section.environment.clone()], kind, counts[0], counts[1]);
                order::add(&mut payload[section.order.clone()], scratch.directions.q6());
                if self.plan.rdf {
                    radial::add_atom(&mut payload[section.radial.clone()], side == Side::B);
                }
                if touches && side == Side::A {
                    surface::add_contact(&mut payload[section.surface.clone()], a.column as usize);
                }
            }
            if a.foreign {
                let interface = a.interface as usize;
                Mail::Foreign(Foreign { interface, id: own.id, attached, links }).write(&mut scratch.mail);
            }
            if topology {
                self.compare(i, sample, list.ids(), sections, scratch);
            }
            if !self.rules.bonds.is_empty() {
                self.watch_bonds(view, sample, i, kind, scratch)?;
            }
            if topology && !self.rules.contacts.is_empty() {
                self.watch_contact(view, sample, i, (kind, side), scratch)?;
            }
        }
        self.carry_absent(view, sample, sections, scratch);
        Ok(())
    }

    /// Neighbours of a candidate at averaged positions, for the reference.
    fn averaged_neighbors(&self, view: &AtomsView, scratch: &Scratch, candidate: u32) -> Result<List> {
        let own = scratch.candidates[candidate as usize];
        let pairs = self.chemistry.pairs_of(own.species);
        let shift = &scratch.shift;
        let mut list = List::default();
        for near in &scratch.found.list {
            let j = scratch.candidates[near.index as usize];
            let pair = pairs[usize::from(j.species)];
            let (u, v) = (&shift[own.atom as usize], &shift[j.atom as usize]);
            let d: [f64; 3] = std::array::from_fn(|k| near.d[k] + v[k] - u[k]);
            if d.iter().map(|c| c * c).sum::<f64>() < pair.form
                && !list.push(if pair.bond { j.id | BOND } else { j.id })
            {
                return Err(too_many(view, own.atom as usize));
            }
        }
        list.sort();
        Ok(list)
    }

    /// Compares a tracked atom's neighbours with the reference's and those of a lag ago.
    fn compare(
        &mut self,
        i: usize,
        sample: &Sample,
        now: &[u32],
        sections: &[Sections],
        scratch: &mut Scratch,
    ) {
        let section = &sections[self.store.header(i).interface as usize];
        let (broken, formed) = list::bond_changes(self.store.reference_neighbors(i), now);
        bonds::add_change(&mut scratch.payload[section.bonds.clone()], broken, formed);
        scratch.per_atom[i][1] = formed as f64 - broken as f64;
        if sample.turning {
            let then = self.store.neighbors(i, sample.slot);
            let delta = turnover::turnover(then.len(), now.len(), list::common(then, now).0);
            turnover::add(&mut scratch.payload[section.turnover.clone()], delta);
            scratch.per_atom[i][2] = delta;
        }
        self.store.set_neighbors(i, sample.slot, now);
    }

    /// Tracked framework atoms that have wandered out of reach keep their last neighbours, and with them
    /// the bonds that they have lost: else these would fall out of `bonds_broken` and `cn_loss` just
    /// where mixing is worst.
    fn carry_absent(
        &mut self,
        view: &AtomsView,
        sample: &Sample,
        sections: &[Sections],
        scratch: &mut Scratch,
    ) {
        let Scratch { active, payload, .. } = scratch;
        let mut active = active.iter().map(|a| a.atom as usize).peekable();
        for i in 0..view.nlocal {
            if active.next_if_eq(&i).is_some() {
                continue;
            }
            if self.store.header(i).has_topology() {
                if sample.fixing {
                    self.store.set_neighbors(i, sample.slot, &[]);
                } else {
                    self.store.carry_neighbors(i, sample.previous_slot, sample.slot);
                    let kept = self.store.neighbors(i, sample.slot);
                    let (broken, formed) = list::bond_changes(self.store.reference_neighbors(i), kept);
                    let section = &sections[self.store.header(i).interface as usize];
                    bonds::add_change(&mut payload[section.bonds.clone()], broken, formed);
                }
            }
        }
    }

    /// Bonds of the label rules, formed and broken with their own radii.
    fn watch_bonds(
        &mut self,
        view: &AtomsView,
        sample: &Sample,
        i: usize,
        kind: usize,
        scratch: &mut Scratch,
    ) -> Result<()> {
        let Some(previous) = self.store.label_bonds(i) else {
            return Ok(());
        };
        let interface = self.store.header(i).interface as usize;
        let mut now = List::default();
        for near in &scratch.found.list {
            let j = scratch.candidates[near.index as usize];
            let other = self.chemistry.member(j.species).0;
            let Some(rule) = self.rules.bond(kind + 1, other + 1) else {
                continue;
            };
            // The reference's own bonds are taken midway between the two radii.
            let limit = if sample.fixing {
                0.5 * (rule.form + rule.break_)
            } else if list::contains(previous, j.id) {
                rule.break_
            } else {
                rule.form
            };
            if near.r2 < limit * limit && !now.push(j.id) {
                return Err(too_many(view, i));
            }
        }
        now.sort();
        if !sample.fixing {
            let own = id_of(view, i)?;
            let lacking = |ids: &[u32], other: &[u32]| -> Vec<u32> {
                ids.iter().copied().filter(|&id| !list::contains(other, id)).collect()
            };
            for (kind, partners) in [
                (LabelKind::BondFormed, lacking(now.ids(), previous)),
                (LabelKind::BondBroken, lacking(previous, now.ids())),
            ] {
                for partner in partners {
                    Mail::Label(LabelEvent { interface, kind, id: own, partner }).write(&mut scratch.mail);
                }
            }
        }
        self.store.set_label_bonds(i, now.ids());
        Ok(())
    }
}

impl Extractor {
    /// Contact of an atom with the other side, by the label rules.
    fn watch_contact(
        &mut self,
        view: &AtomsView,
        sample: &Sample,
        i: usize,
        (kind, side): (usize, Side),
        scratch: &mut Scratch,
    ) -> Result<()> {
        let before = self.store.header(i).contact;
        if before == Contact::None && !sample.fixing {
            return Ok(());
        }
        let touching = scratch.found.list.iter().any(|near| {
            let j = scratch.candidates[near.index as usize];
            let other = self.chemistry.member(j.species).0;
            j.side != side
                && self.rules.contact(kind + 1, other + 1).is_some_and(|rule| {
                    let limit = if before == Contact::Kept { rule.lose } else { rule.touch };
                    near.r2 < limit * limit
                })
        });
        let now = match (touching, before) {
            (true, _) => Contact::Kept,
            (false, Contact::None) => Contact::None,
            (false, _) => Contact::Lost,
        };
        if now == before {
            return Ok(());
        }
        let header = self.store.header_mut(i);
        header.contact = now;
        if !sample.fixing {
            let interface = header.interface as usize;
            let kind = if now == Contact::Lost { LabelKind::ContactLost } else { LabelKind::ContactRegained };
            Mail::Label(LabelEvent { interface, kind, id: id_of(view, i)?, partner: 0 })
                .write(&mut scratch.mail);
        }
        Ok(())
    }
}

/// Sorts an atom's surroundings by the rules of its species pairs.
#[derive(Debug, Default)]
pub(super) struct Sieve {
    close: Vec<u32>,
    lingering: Vec<u32>,
}

impl Sieve {
    /// Places in `found` of neighbours within the cutoff, and of those between it and the break radius.
    fn sort(&mut self, found: &[Found], rule: impl Fn(&Found) -> Pair) -> (&[u32], &[u32]) {
        if self.close.len() < found.len() {
            self.close.resize(2 * found.len(), 0);
            self.lingering.resize(2 * found.len(), 0);
        }
        // Without a branch: which it is cannot be predicted.
        let (mut close, mut lingering) = (0, 0);
        for (at, near) in found.iter().enumerate() {
            let pair = rule(near);
            self.close[close] = at as u32;
            self.lingering[lingering] = at as u32;
            let formed = near.r2 < pair.form;
            close += usize::from(formed);
            lingering += usize::from(!formed & (near.r2 < pair.break_));
        }
        (&self.close[..close], &self.lingering[..lingering])
    }
}

fn class_of(a: Side, b: Side) -> bonds::Class {
    match (a, b) {
        (Side::A, Side::A) => bonds::Class::Aa,
        (Side::B, Side::B) => bonds::Class::Bb,
        _ => bonds::Class::Ab,
    }
}

pub(super) fn id_of(view: &AtomsView, i: usize) -> Result<u32> {
    let id = view.id.get(i);
    match u32::try_from(id) {
        Ok(id) if id & BOND == 0 => Ok(id),
        _ => Err(Error::Limit(format!("atom id {id}: ids up to {} are supported", BOND - 1))),
    }
}

fn too_many(view: &AtomsView, i: usize) -> Error {
    Error::Limit(format!(
        "atom {} has more than {} neighbours: lower the cutoffs (keyword cutoff)",
        view.id.get(i),
        NEIGHBOR_CAP
    ))
}
