//! The second pass: framework atoms near an interface with their neighbours.

use super::{Sample, Scratch};
use crate::atoms::store::{BOND, Contact, List, NEIGHBOR_CAP};
use crate::atoms::{AtomsView, Side};
use crate::descriptors::{
    bonds, clusters::Foreign, coordination, environment, order, radial, surface, turnover,
};
use crate::error::{Error, Result};
use crate::extractor::Extractor;
use crate::extractor::payload::{LabelEvent, LabelKind, Mail, Sections};

impl Extractor {
    pub(super) fn every_neighbor(
        &mut self,
        view: &AtomsView,
        sample: &Sample,
        sections: &[Sections],
        scratch: &mut Scratch,
    ) -> Result<()> {
        let radial_range = self.radial_range();
        for k in 0..scratch.active.len() {
            let a = scratch.active[k];
            let i = a.atom as usize;
            let own = scratch.candidates[a.candidate as usize];
            let (kind, side) = self.chemistry.member(own.species);
            scratch.cells.query(&scratch.positions[a.candidate as usize], a.candidate, &mut scratch.found);
            let section = &sections[a.interface as usize];
            let topology = self.store.header(i).has_topology();
            let previous = if !topology {
                List::default()
            } else if sample.fixing {
                let list = self.averaged_neighbors(view, scratch, a.candidate)?;
                self.store.set_reference_neighbors(i, &list);
                list
            } else {
                self.store.neighbors(i, sample.previous_slot)
            };
            let mut list = List::default();
            let mut counts = [0_usize; 2];
            let mut lengths = [[0.0; 3]; 3];
            let (mut touches, mut attached) = (false, false);
            let mut links = Vec::new();
            scratch.directions.clear();
            for near in &scratch.found {
                let j = scratch.candidates[near.index as usize];
                let (_, other_side) = self.chemistry.member(j.species);
                let r2 = near.r2;
                if self.plan.rdf && a.in_region && r2 < radial_range * radial_range {
                    let class = class_of(side, other_side) as usize;
                    let radial = &mut scratch.payload[section.radial.clone()];
                    radial::add_pair(radial, class, r2.sqrt(), radial_range);
                }
                let pair = self.chemistry.pair(own.species, j.species);
                if r2 >= pair.break_ {
                    continue;
                }
                if r2 < pair.form {
                    if a.in_region {
                        let r = r2.sqrt();
                        scratch.directions.push(&near.d, r);
                        if pair.bond {
                            counts[usize::from(other_side == Side::B)] += 1;
                            bonds::add(&mut lengths[class_of(side, other_side) as usize], r);
                        }
                    }
                    if other_side != side {
                        touches = true;
                    } else if !j.foreign {
                        attached = true;
                    } else if a.foreign {
                        links.push(id_of(view, j.atom)?);
                    }
                }
                if topology {
                    let id = id_of(view, j.atom)?;
                    if r2 < pair.form || previous.contains(id) {
                        let flagged = if pair.bond { id | BOND } else { id };
                        if !list.insert(flagged) {
                            return Err(too_many(view, i));
                        }
                    }
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
                Mail::Foreign(Foreign { interface, id: id_of(view, a.atom)?, attached, links })
                    .write(&mut scratch.mail);
            }
            if topology {
                self.compare(i, sample, &list, sections, scratch);
            }
            if !self.rules.bonds.is_empty() {
                self.watch_bonds(view, sample, i, kind, scratch)?;
            }
            if topology && !self.rules.contacts.is_empty() {
                self.watch_contact(view, sample, i, (kind, side), scratch)?;
            }
        }
        self.carry_absent(view, sample, scratch);
        Ok(())
    }

    /// Neighbours of a candidate at averaged positions, for the reference.
    fn averaged_neighbors(&self, view: &AtomsView, scratch: &Scratch, candidate: u32) -> Result<List> {
        let own = scratch.candidates[candidate as usize];
        let shift = &scratch.shift;
        let mut list = List::default();
        for near in &scratch.found {
            let j = scratch.candidates[near.index as usize];
            let pair = self.chemistry.pair(own.species, j.species);
            let (u, v) = (&shift[own.atom as usize], &shift[j.atom as usize]);
            let d: [f64; 3] = std::array::from_fn(|k| near.d[k] + v[k] - u[k]);
            if d.iter().map(|c| c * c).sum::<f64>() < pair.form {
                let id = id_of(view, j.atom)?;
                if !list.insert(if pair.bond { id | BOND } else { id }) {
                    return Err(too_many(view, own.atom as usize));
                }
            }
        }
        Ok(list)
    }

    /// Compares a tracked atom's neighbours with the reference's and those of a lag ago.
    fn compare(
        &mut self,
        i: usize,
        sample: &Sample,
        list: &List,
        sections: &[Sections],
        scratch: &mut Scratch,
    ) {
        let section = &sections[self.store.header(i).interface as usize];
        let reference = self.store.reference_neighbors(i);
        let (broken, formed) = if reference == *list {
            (0, 0)
        } else {
            (reference.bonds_missing_in(list), list.bonds_missing_in(&reference))
        };
        bonds::add_change(&mut scratch.payload[section.bonds.clone()], broken, formed);
        scratch.per_atom[i][1] = formed as f64 - broken as f64;
        if sample.turning {
            let then = self.store.neighbors(i, sample.slot);
            let common = if then == *list { list.ids().len() } else { then.common(list) };
            let delta = turnover::turnover(then.ids().len(), list.ids().len(), common);
            turnover::add(&mut scratch.payload[section.turnover.clone()], delta);
            scratch.per_atom[i][2] = delta;
        }
        self.store.set_neighbors(i, sample.slot, list);
    }

    /// Tracked framework atoms that have wandered out of reach keep their last neighbours.
    fn carry_absent(&mut self, view: &AtomsView, sample: &Sample, scratch: &Scratch) {
        let mut active = scratch.active.iter().map(|a| a.atom as usize).peekable();
        for i in 0..view.nlocal {
            if active.next_if_eq(&i).is_some() {
                continue;
            }
            if self.store.header(i).has_topology() {
                let list = if sample.fixing {
                    List::default()
                } else {
                    self.store.neighbors(i, sample.previous_slot)
                };
                self.store.set_neighbors(i, sample.slot, &list);
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
        for near in &scratch.found {
            let j = scratch.candidates[near.index as usize];
            let other = self.chemistry.member(j.species).0;
            let Some(rule) = self.rules.bond(kind + 1, other + 1) else {
                continue;
            };
            let id = id_of(view, j.atom)?;
            // The reference's own bonds are taken midway between the two radii.
            let limit = if sample.fixing {
                0.5 * (rule.form + rule.break_)
            } else if previous.contains(id) {
                rule.break_
            } else {
                rule.form
            };
            if near.r2 < limit * limit && !now.insert(id) {
                return Err(too_many(view, i));
            }
        }
        if !sample.fixing {
            let own = id_of(view, i as u32)?;
            let mut tell = |kind, partner| {
                Mail::Label(LabelEvent { interface, kind, id: own, partner }).write(&mut scratch.mail);
            };
            now.ids()
                .iter()
                .filter(|&&id| !previous.contains(id))
                .for_each(|&id| tell(LabelKind::BondFormed, id));
            previous
                .ids()
                .iter()
                .filter(|&&id| !now.contains(id))
                .for_each(|&id| tell(LabelKind::BondBroken, id));
        }
        self.store.set_label_bonds(i, &now);
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
        let touching = scratch.found.iter().any(|near| {
            let (other, other_side) = self.chemistry.member(scratch.candidates[near.index as usize].species);
            other_side != side
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
            Mail::Label(LabelEvent { interface, kind, id: id_of(view, i as u32)?, partner: 0 })
                .write(&mut scratch.mail);
        }
        Ok(())
    }
}

fn class_of(a: Side, b: Side) -> bonds::Class {
    match (a, b) {
        (Side::A, Side::A) => bonds::Class::Aa,
        (Side::B, Side::B) => bonds::Class::Bb,
        _ => bonds::Class::Ab,
    }
}

pub(super) fn id_of(view: &AtomsView, atom: u32) -> Result<u32> {
    let id = view.id.get(atom as usize);
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
