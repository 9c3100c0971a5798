//! The one list of descriptors: thermo order, stream header, dataset columns, model checks and the
//! documentation are all made from it.
//!
//! To add a descriptor: add its row to [`BASE`], compute it in its family's file under
//! `descriptors/`, and write it in that family's `finish`.

/// The paper's three scales, plus the partial radial distribution functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Category {
    /// Motion of slabs and atoms, thickness, stress, energy.
    GlobalDynamics,
    /// Coordination, bonds, order, environments.
    LocalStructure,
    /// Jumps, differences, short-time variance, CUSUM responses.
    AnomalousDynamics,
    /// Partial radial distribution functions (recorded on request).
    Radial,
}

/// What the value is taken over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// Atoms that were interfacial at the reference.
    Reference,
    /// Atoms inside the interfacial region now.
    Region,
    /// The composition profile or the lateral grid.
    Surface,
    /// One descriptor's own history.
    History,
}

/// How a healthy run behaves, which decides how the instability index uses the descriptor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trend {
    /// Fluctuates about a level: enters the index as it is.
    Stationary,
    /// Grows in healthy runs too: enters the index by its rate over the lag.
    Cumulative,
    /// Not part of the index: the normal work of an electrolyte (mobile ions), extremes and small
    /// counts, which vary more between two stretches of a healthy run than failure changes them,
    /// and bond lengths, which follow the temperature.
    Excluded,
}

/// One row of the registry.
#[derive(Debug, Clone, Copy)]
pub struct Descriptor {
    /// Name in headers, columns, models.
    pub name: &'static str,
    /// Unit in Foreshock's internal units ("-" for pure numbers).
    pub unit: &'static str,
    /// The paper's scale.
    pub category: Category,
    /// What it is taken over.
    pub scale: Scale,
    /// Its behaviour in a healthy run.
    pub trend: Trend,
    /// Definition.
    pub equation: &'static str,
    /// Where the definition comes from.
    pub source: &'static str,
}

const PAPER: &str = "doi:10.31881/TLR.2026.4070";

macro_rules! rows {
    ($($name:literal $unit:literal $category:ident $scale:ident $trend:ident $equation:literal $source:expr;)*) => {
        &[$(Descriptor {
            name: $name, unit: $unit, category: Category::$category, scale: Scale::$scale,
            trend: Trend::$trend, equation: $equation, source: $source,
        }),*]
    };
}

/// Descriptors measured by the extractor, in recorded order. All are per interface.
pub static BASE: &[Descriptor] = rows! {
    "msd_a" "A^2" GlobalDynamics Reference Cumulative "(1/N) sum |d_i|^2, framework of side A, d relative to the cell's centre of mass" PAPER;
    "msd_b" "A^2" GlobalDynamics Reference Cumulative "(1/N) sum |d_i|^2, framework of side B" PAPER;
    "msd_mobile" "A^2" GlobalDynamics Reference Excluded "(1/N) sum |d_i|^2, mobile ions" PAPER;
    "diffusion_a" "A^2/ps" GlobalDynamics Reference Stationary "<|r(t) - r(t - lag)|^2> / (6 lag), framework of side A" "Einstein relation";
    "diffusion_b" "A^2/ps" GlobalDynamics Reference Stationary "<|r(t) - r(t - lag)|^2> / (6 lag), framework of side B" "Einstein relation";
    "diffusion_mobile" "A^2/ps" GlobalDynamics Reference Excluded "<|r(t) - r(t - lag)|^2> / (6 lag), mobile ions" "Einstein relation";
    "gap" "A" GlobalDynamics Reference Cumulative "mean normal displacement of side B's framework minus side A's, positive when opening" "Foreshock";
    "slip" "A" GlobalDynamics Reference Excluded "length of the lateral difference of the two sides' mean displacements" "Foreshock";
    "mobile_exchange" "-" GlobalDynamics Reference Excluded "share of mobile ions on the other side of the surface than at the reference" "Foreshock";
    "nongauss" "-" GlobalDynamics Reference Stationary "3 <r^4> / (5 <r^2>^2) - 1 over lag, framework" "doi:10.1103/PhysRev.136.A405";
    "thickness" "A" GlobalDynamics Surface Stationary "10-90 % width of the tanh fit to the framework's composition profile" "doi:10.1103/PhysRevLett.15.621";
    "roughness" "A" GlobalDynamics Surface Excluded "standard deviation of the local surface position over the lateral grid" "Foreshock";
    "mixing_depth" "A" GlobalDynamics Region Stationary "mean penetration of framework atoms beyond the surface" "Foreshock";
    "mixing_max" "A" GlobalDynamics Region Stationary "95th percentile of the penetration" "Foreshock";
    "foreign_neighbors" "-" GlobalDynamics Region Stationary "share of A-B pairs among interfacial bonds, minus the reference's" "Foreshock";
    "stress_n" "GPa" GlobalDynamics Region Stationary "normal stress of the region, tension positive: (sum of per-atom stress x volume)_nn / V" "doi:10.1063/1.3245303";
    "stress_t" "GPa" GlobalDynamics Region Excluded "mean lateral stress of the region" "doi:10.1063/1.3245303";
    "stress_max" "GPa" GlobalDynamics Region Excluded "largest deviation of an atom's pressure from the region's mean" "doi:10.1063/1.3245303";
    "pe" "eV" GlobalDynamics Region Stationary "energy per interfacial atom minus the reference's" "Foreshock";
    "cn_aa" "-" LocalStructure Region Stationary "mean number of bonded neighbours of side A around atoms of side A" PAPER;
    "cn_ab" "-" LocalStructure Region Stationary "mean number of bonded neighbours of the other side around all framework atoms" PAPER;
    "cn_bb" "-" LocalStructure Region Stationary "mean number of bonded neighbours of side B around atoms of side B" PAPER;
    "cn_aa_std" "-" LocalStructure Region Stationary "standard deviation over atoms of cn_aa" PAPER;
    "cn_ab_std" "-" LocalStructure Region Stationary "standard deviation over atoms of cn_ab" PAPER;
    "cn_bb_std" "-" LocalStructure Region Stationary "standard deviation over atoms of cn_bb" PAPER;
    "cn_loss" "-" LocalStructure Reference Cumulative "share of framework atoms that lost at least one bonded neighbour of the reference" "Foreshock";
    "bonds_broken" "-" LocalStructure Reference Cumulative "bonds of the reference that are broken, per framework atom (break at 1.2 x cutoff)" "Foreshock";
    "bonds_formed" "-" LocalStructure Reference Cumulative "bonds that the reference did not have, per framework atom" "Foreshock";
    "bond_mean_aa" "A" LocalStructure Region Excluded "mean bond length within side A" "Foreshock";
    "bond_mean_ab" "A" LocalStructure Region Excluded "mean bond length across sides" "Foreshock";
    "bond_mean_bb" "A" LocalStructure Region Excluded "mean bond length within side B" "Foreshock";
    "bond_std_aa" "A" LocalStructure Region Excluded "standard deviation of bond lengths within side A" "Foreshock";
    "bond_std_ab" "A" LocalStructure Region Excluded "standard deviation of bond lengths across sides" "Foreshock";
    "bond_std_bb" "A" LocalStructure Region Excluded "standard deviation of bond lengths within side B" "Foreshock";
    "turnover" "-" LocalStructure Reference Stationary "mean of (|C1 u C2| - |C1 n C2|) / (|C1| + |C2|), neighbours now and one lag ago" "doi:10.1073/pnas.2300565120";
    "turnover_p95" "-" LocalStructure Reference Stationary "95th percentile of the turnover over atoms" "doi:10.1073/pnas.2300565120";
    "q6" "-" LocalStructure Region Stationary "mean Steinhardt bond-order parameter Q_6 over framework neighbours" "doi:10.1103/PhysRevB.28.784";
    "q6_std" "-" LocalStructure Region Stationary "standard deviation over atoms of Q_6" "doi:10.1103/PhysRevB.28.784";
    "env_entropy" "nat" LocalStructure Region Stationary "Shannon entropy of the distribution of (type, bonds to A, bonds to B)" "doi:10.1002/j.1538-7305.1948.tb01338.x";
    "env_shift" "nat" LocalStructure Region Stationary "Jensen-Shannon divergence of that distribution from the reference's" "doi:10.1109/18.61115";
    "clusters" "nm^-2" LocalStructure Surface Excluded "detached clusters of one side's framework inside the other, per area" "Foreshock";
    "cluster_max" "-" LocalStructure Surface Excluded "atoms in the largest detached cluster" "Foreshock";
    "contact" "-" LocalStructure Surface Stationary "share of lateral columns in which A touches B" "Foreshock";
    "jumps_framework" "-" AnomalousDynamics Reference Stationary "share of framework atoms that moved more than half a bond within lag" "Foreshock";
    "jumps_mobile" "-" AnomalousDynamics Reference Excluded "share of mobile ions that moved more than half a bond within lag" "Foreshock";
};

/// Bins of each partial radial distribution function.
pub const RDF_BINS: usize = 20;

/// Partial radial distribution functions, in recorded order, each with [`RDF_BINS`] values named
/// `rdf_aa_00` and so on.
pub const RDF_PAIRS: [&str; 3] = ["rdf_aa", "rdf_ab", "rdf_bb"];

/// The base descriptors whose history makes the anomalous channels.
pub const ANOMALOUS: [&str; 9] =
    ["msd_a", "msd_b", "mixing_depth", "thickness", "cn_ab", "bonds_broken", "stress_n", "pe", "turnover"];

/// Suffixes of the anomalous channels, in order: first difference, second difference, short-time
/// variance, CUSUM response.
pub const ANOMALOUS_SUFFIXES: [&str; 4] = ["_d1", "_d2", "_var", "_cusum"];

/// Position of a base descriptor in a frame.
#[must_use]
pub fn index_of(name: &str) -> Option<usize> {
    BASE.iter().position(|d| d.name == name)
}

/// Names of a frame's values: the base descriptors and, where recorded, the radial bins.
#[must_use]
pub fn frame_names(rdf: bool) -> Vec<String> {
    let mut names: Vec<String> = BASE.iter().map(|d| d.name.to_owned()).collect();
    if rdf {
        for pair in RDF_PAIRS {
            names.extend((0..RDF_BINS).map(|bin| format!("{pair}_{bin:02}")));
        }
    }
    names
}

/// Names of the anomalous channels made by the window stage from base descriptors.
#[must_use]
pub fn anomalous_names() -> Vec<String> {
    ANOMALOUS.iter().flat_map(|base| ANOMALOUS_SUFFIXES.iter().map(move |s| format!("{base}{s}"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn names_are_unique_and_anomalous_channels_have_a_base() {
        let names: HashSet<&str> = BASE.iter().map(|d| d.name).collect();
        assert_eq!(names.len(), BASE.len());
        for base in ANOMALOUS {
            assert!(index_of(base).is_some(), "{base}");
        }
    }

    #[test]
    fn rdf_adds_twenty_bins_for_each_pair() {
        assert_eq!(frame_names(true).len(), BASE.len() + 60);
        assert_eq!(frame_names(true).last().map(String::as_str), Some("rdf_bb_19"));
    }
}
