//! The fixed-length message that one reduction sums over ranks, and the variable-length mail.
//!
//! Word 0 is the number of words that are summed, word 1 the length; the words after the summed
//! ones are reduced by maximum. The C++ side reduces with one operation that reads both.

use super::plan::Plan;
use crate::descriptors::{
    bonds, clusters::Foreign, coordination, energy, environment, mixing, motion, order, radial, surface,
    turnover,
};
use std::ops::Range;

/// Words before the interfaces' sections.
const GLOBAL: usize = 8;

/// Ranks that failed.
pub const ERRORS: usize = 2;
/// Words of mail on all ranks together.
pub const MAIL: usize = 3;
/// Mass, then mass-weighted fractional displacement along the three axes.
pub const MASS: usize = 4;

/// Ranges of one interface's sections.
#[derive(Debug, Clone, Default)]
#[allow(missing_docs)]
pub struct Sections {
    pub motion: Range<usize>,
    pub surface: Range<usize>,
    pub mixing: Range<usize>,
    pub energy: Range<usize>,
    pub coordination: Range<usize>,
    pub bonds: Range<usize>,
    pub turnover: Range<usize>,
    pub order: Range<usize>,
    pub environment: Range<usize>,
    /// Empty unless radial distribution functions are recorded.
    pub radial: Range<usize>,
    /// Reduced by maximum.
    pub maxima: Range<usize>,
}

/// Where each family's section lies.
#[derive(Debug, Clone, Default)]
pub struct Layout {
    /// One per interface.
    pub sections: Vec<Sections>,
    /// The reference's g(r) histograms, one of [`radial::REFERENCE_BINS`] per unordered type pair;
    /// empty when cutoffs are known.
    pub search: Range<usize>,
    total: usize,
}

impl Layout {
    /// The layout for a number of interfaces and lateral columns; `search` adds the reference's
    /// g(r).
    #[must_use]
    pub fn new(plan: &Plan, interfaces: usize, columns: usize, search: bool) -> Self {
        let mut end = GLOBAL;
        let mut take = |width: usize| {
            end += width;
            end - width..end
        };
        let mut sections: Vec<Sections> = (0..interfaces)
            .map(|_| Sections {
                motion: take(motion::WIDTH),
                surface: take(surface::width(columns)),
                mixing: take(mixing::WIDTH),
                energy: take(energy::WIDTH),
                coordination: take(coordination::WIDTH),
                bonds: take(bonds::WIDTH),
                turnover: take(turnover::WIDTH),
                order: take(order::WIDTH),
                environment: take(environment::WIDTH),
                radial: take(if plan.rdf { radial::WIDTH } else { 0 }),
                maxima: 0..0,
            })
            .collect();
        let search = take(if search { radial::type_pairs(plan.ntypes) * radial::REFERENCE_BINS } else { 0 });
        for section in &mut sections {
            section.maxima = take(energy::MAXIMA);
        }
        Self { sections, search, total: end }
    }

    /// Empties `payload` and sets its header.
    pub fn clear(&self, payload: &mut Vec<f64>) {
        let summed = self.search.end;
        payload.clear();
        payload.resize(self.total, 0.0);
        payload[summed..].fill(f64::NEG_INFINITY);
        payload[0] = summed as f64;
        payload[1] = self.total as f64;
    }
}

/// A bond, site or contact event for labels, as gathered.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LabelEvent {
    /// Interface of the atom.
    pub interface: usize,
    /// What happened.
    pub kind: LabelKind,
    /// The atom.
    pub id: u32,
    /// Its partner; 0 for site and contact events.
    pub partner: u32,
}

/// Kinds of label-only events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LabelKind {
    /// A bond formed.
    BondFormed,
    /// A bond broke.
    BondBroken,
    /// An atom left its reference site.
    SiteLeft,
    /// An atom came back to it.
    SiteRegained,
    /// An atom no longer touches the other side.
    ContactLost,
    /// It touches it again.
    ContactRegained,
}

impl LabelKind {
    const ALL: [Self; 6] = [
        Self::BondFormed,
        Self::BondBroken,
        Self::SiteLeft,
        Self::SiteRegained,
        Self::ContactLost,
        Self::ContactRegained,
    ];

    /// The name in stream and label files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::BondFormed => "bond_formed",
            Self::BondBroken => "bond_broken",
            Self::SiteLeft => "site_left",
            Self::SiteRegained => "site_regained",
            Self::ContactLost => "contact_lost",
            Self::ContactRegained => "contact_regained",
        }
    }
}

/// One item of mail from any rank.
#[derive(Debug, Clone, PartialEq)]
pub enum Mail {
    /// A foreign framework atom.
    Foreign(Foreign),
    /// A label-only event.
    Label(LabelEvent),
}

impl Mail {
    /// Appends the item to a rank's outgoing mail: kind, words that follow, then those words.
    pub fn write(&self, out: &mut Vec<f64>) {
        match self {
            Self::Foreign(atom) => {
                out.extend([
                    1.0,
                    3.0 + atom.links.len() as f64,
                    atom.interface as f64,
                    f64::from(atom.id),
                    f64::from(u8::from(atom.attached)),
                ]);
                out.extend(atom.links.iter().map(|&id| f64::from(id)));
            }
            Self::Label(event) => out.extend([
                2.0,
                4.0,
                event.interface as f64,
                event.kind as u8 as f64,
                f64::from(event.id),
                f64::from(event.partner),
            ]),
        }
    }

    /// Reads all items of the gathered mail. The words come from [`Mail::write`] on the ranks of
    /// the same run; anything else is left unread.
    #[must_use]
    pub fn read_all(mut words: &[f64]) -> Vec<Self> {
        let mut items = Vec::new();
        while let [kind, length, rest @ ..] = words {
            let length = *length as usize;
            if rest.len() < length {
                break;
            }
            let (body, next) = rest.split_at(length);
            match (*kind as u8, body) {
                (1, [interface, id, attached, links @ ..]) => items.push(Self::Foreign(Foreign {
                    interface: *interface as usize,
                    id: *id as u32,
                    attached: *attached > 0.5,
                    links: links.iter().map(|&l| l as u32).collect(),
                })),
                (2, [interface, kind, id, partner]) => items.push(Self::Label(LabelEvent {
                    interface: *interface as usize,
                    kind: LabelKind::ALL[(*kind as usize).min(LabelKind::ALL.len() - 1)],
                    id: *id as u32,
                    partner: *partner as u32,
                })),
                _ => {}
            }
            words = next;
        }
        items
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mail_is_read_back_as_written() {
        let items = [
            Mail::Foreign(Foreign { interface: 1, id: 77, attached: true, links: vec![5, 6] }),
            Mail::Label(LabelEvent { interface: 0, kind: LabelKind::BondBroken, id: 9, partner: 12 }),
            Mail::Foreign(Foreign { interface: 0, id: u32::MAX >> 1, attached: false, links: vec![] }),
        ];
        let mut words = Vec::new();
        items.iter().for_each(|item| item.write(&mut words));
        assert_eq!(Mail::read_all(&words), items);
        assert_eq!(Mail::read_all(&words[..words.len() - 1]).len(), 2);
    }
}
