//! What a configuration means in samples, species and pair cutoffs.

use crate::atoms::Side;
use crate::config::{Axis, CutoffSpec, FixConfig, Role, Timing};
use crate::units::UnitStyle;

/// Bonds break at this multiple of the cutoff at which they form.
pub const BREAK_FACTOR: f64 = 1.2;

/// Range of the recorded radial distribution functions, angstrom: the same in every run, so that their
/// bins can be compared.
pub const RDF_RANGE: f64 = 8.0;

/// The same in lj units, sigma.
pub const RDF_RANGE_SIGMA: f64 = 2.5;

/// No species: the atom is not part of the framework.
pub const NO_SPECIES: u8 = u8::MAX;

/// Settings fixed for the life of the fix.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Number of atom types.
    pub ntypes: usize,
    /// Box axis across the interface.
    pub axis: usize,
    /// Requested half-width of the interfacial region, angstrom.
    pub region: f64,
    /// Samples of the topology reference.
    pub reference_samples: u64,
    /// Samples after the reference over which environments, foreign neighbours are averaged.
    pub settle_samples: u64,
    /// Samples of the lag.
    pub lag_samples: usize,
    /// Time between samples, ps.
    pub interval_ps: f64,
    /// Role per type, index 0 is type 1.
    pub roles: Vec<Role>,
    /// Given cutoffs; empty means `auto`.
    pub cutoffs: Vec<(usize, usize, f64)>,
    /// Record partial radial distribution functions.
    pub rdf: bool,
    /// Range of the recorded radial distribution functions, angstrom.
    pub rdf_range: f64,
    /// 2 or 3.
    pub dimension: usize,
    /// Angstrom per length unit, eV per energy unit, GPa per pressure unit.
    pub factors: [f64; 3],
}

impl Plan {
    /// The plan of a configuration whose times have been counted in samples.
    #[must_use]
    pub fn new(
        config: &FixConfig,
        timing: &Timing,
        units: UnitStyle,
        ntypes: usize,
        dimension: usize,
    ) -> Self {
        let reference_samples = timing.reference_samples as u64;
        Self {
            ntypes,
            axis: match config.normal {
                Axis::X => 0,
                Axis::Y => 1,
                Axis::Z => 2,
            },
            region: config.region,
            reference_samples,
            settle_samples: reference_samples.min(timing.baseline_start_samples.max(1) as u64),
            lag_samples: timing.lag_samples,
            interval_ps: timing.interval_ps,
            roles: config.roles.clone(),
            cutoffs: match &config.cutoff {
                CutoffSpec::Auto => Vec::new(),
                CutoffSpec::Pairs(pairs) => pairs.clone(),
            },
            rdf: config.rdf,
            rdf_range: if units == UnitStyle::Lj { RDF_RANGE_SIGMA } else { RDF_RANGE },
            dimension,
            factors: [units.length(), units.energy(), units.pressure()],
        }
    }

    /// The two lateral axes.
    #[must_use]
    pub fn lateral(&self) -> [usize; 2] {
        match self.axis {
            0 => [1, 2],
            1 => [0, 2],
            _ => [0, 1],
        }
    }

    /// Whether cutoffs come from the reference's g(r).
    #[must_use]
    pub fn auto_cutoff(&self) -> bool {
        self.cutoffs.is_empty()
    }
}

/// Which atoms are framework and which pairs are neighbours and bonds. Built after the first
/// survey, when it is known which types each side holds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Chemistry {
    ntypes: usize,
    /// Species number of `(type, side)`, side A first; [`NO_SPECIES`] where not framework.
    species: Vec<u8>,
    /// Type index and side of each species.
    members: Vec<(usize, Side)>,
    /// Per species pair: squared cutoff, squared break radius, whether it is a bond.
    pairs: Vec<Pair>,
    /// Largest break radius, angstrom.
    reach: f64,
    /// Half a bond length: moving further within the lag is a jump.
    jump: f64,
}

/// Neighbour rule of a species pair.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Pair {
    /// Squared cutoff; 0 where the pair takes no part.
    pub form: f64,
    /// Squared break radius.
    pub break_: f64,
    /// Unlike roles, or a framework without roles: counts as a bond.
    pub bond: bool,
}

/// Role classes for the bond rule.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Cation,
    Anion,
    Neutral,
}

impl Chemistry {
    /// From the plan's roles and the number of atoms of each type on each side.
    ///
    /// `counts[type][side]`, types from 0, side A first.
    #[must_use]
    pub fn new(plan: &Plan, counts: &[[f64; 2]]) -> Self {
        let mut chemistry =
            Self { ntypes: plan.ntypes, species: vec![NO_SPECIES; 2 * plan.ntypes], ..Self::default() };
        for side in 0..2 {
            let alone = (0..plan.ntypes).all(|t| counts[t][side] == 0.0 || plan.roles[t] == Role::Mobile);
            for t in 0..plan.ntypes {
                let framework = plan.roles[t] != Role::Mobile || alone;
                if framework && counts[t][side] > 0.0 {
                    chemistry.species[2 * t + side] = chemistry.members.len() as u8;
                    chemistry.members.push((t, if side == 0 { Side::A } else { Side::B }));
                }
            }
        }
        chemistry.pairs = vec![Pair::default(); chemistry.members.len().pow(2)];
        chemistry
    }

    /// Sets the cutoffs, `ntypes x ntypes`, angstrom, 0 where a pair takes no part.
    pub fn set_cutoffs(&mut self, plan: &Plan, cutoffs: &[f64]) {
        let class = |t: usize| match plan.roles[t] {
            Role::Anion => Class::Anion,
            Role::Neutral => Class::Neutral,
            Role::Network | Role::Mobile => Class::Cation,
        };
        let n = self.members.len();
        let single = |side: Side| {
            let mut classes = self.members.iter().filter(|m| m.1 == side).map(|m| class(m.0));
            let first = classes.next();
            classes.all(|c| Some(c) == first)
        };
        let alone = [single(Side::A), single(Side::B)];
        self.reach = 0.0;
        let mut shortest = f64::INFINITY;
        let mut shortest_any = f64::INFINITY;
        for i in 0..n {
            for j in 0..n {
                let ((ti, si), (tj, sj)) = (self.members[i], self.members[j]);
                let cutoff = cutoffs[ti * self.ntypes + tj];
                let (a, b) = (class(ti), class(tj));
                let is_alone = |s: Side| alone[usize::from(s == Side::B)];
                let bond = a == Class::Neutral || b == Class::Neutral || a != b || {
                    // Like roles bond only where a side has no other role to bond to.
                    if si == sj { is_alone(si) } else { is_alone(si) && is_alone(sj) }
                };
                self.pairs[i * n + j] =
                    Pair { form: cutoff * cutoff, break_: (BREAK_FACTOR * cutoff).powi(2), bond };
                self.reach = self.reach.max(BREAK_FACTOR * cutoff);
                if cutoff > 0.0 {
                    shortest_any = shortest_any.min(cutoff);
                    if bond {
                        shortest = shortest.min(cutoff);
                    }
                }
            }
        }
        // A first-shell cutoff is about 1.25 bond lengths, so 0.4 of it is half a bond.
        let shortest = if shortest.is_finite() { shortest } else { shortest_any };
        self.jump = if shortest.is_finite() { 0.4 * shortest } else { f64::INFINITY };
    }

    /// Species of an atom of LAMMPS type `kind` on `side`.
    #[inline]
    #[must_use]
    pub fn species(&self, kind: i32, side: Side) -> u8 {
        match side {
            Side::None => NO_SPECIES,
            Side::A => self.species[2 * (kind as usize - 1)],
            Side::B => self.species[2 * (kind as usize - 1) + 1],
        }
    }

    /// Type index (from 0) and side of a species.
    #[inline]
    #[must_use]
    pub fn member(&self, species: u8) -> (usize, Side) {
        self.members[species as usize]
    }

    /// Rules of a species with every species.
    #[inline]
    #[must_use]
    pub fn pairs_of(&self, species: u8) -> &[Pair] {
        let n = self.members.len();
        &self.pairs[usize::from(species) * n..][..n]
    }

    /// Largest break radius, angstrom.
    #[must_use]
    pub fn reach(&self) -> f64 {
        self.reach
    }

    /// Half a bond length, angstrom.
    #[must_use]
    pub fn jump(&self) -> f64 {
        self.jump
    }
}
