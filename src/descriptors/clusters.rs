//! Detached clusters of one side's framework inside the other.
//!
//! Foreign atoms lie beyond the surface on the side that is not their own, by more than half a
//! bond. They are gathered to rank 0 with the ids of their foreign neighbours of the same side and
//! joined into clusters. A cluster is detached when none of its atoms has a neighbour of its own
//! side that is at home. `clusters` is their number per area (nm^-2), `cluster_max` the atoms in
//! the largest.

use super::Values;
use std::collections::HashMap;

/// A foreign atom, as gathered.
#[derive(Debug, Clone, PartialEq)]
pub struct Foreign {
    /// Interface it belongs to.
    pub interface: usize,
    /// Atom id.
    pub id: u32,
    /// It has a neighbour of its own side that is at home.
    pub attached: bool,
    /// Ids of its foreign neighbours of the same side.
    pub links: Vec<u32>,
}

/// Joins the foreign atoms of `interface` and writes the family's values; `area` in square
/// angstrom.
pub fn finish(foreign: &[Foreign], interface: usize, area: f64, values: &mut Values) {
    let atoms: Vec<&Foreign> = foreign.iter().filter(|a| a.interface == interface).collect();
    let number: HashMap<u32, usize> = atoms.iter().enumerate().map(|(i, a)| (a.id, i)).collect();
    let mut parent: Vec<usize> = (0..atoms.len()).collect();
    for (i, atom) in atoms.iter().enumerate() {
        for j in atom.links.iter().filter_map(|id| number.get(id)) {
            let (u, v) = (root(&mut parent, i), root(&mut parent, *j));
            parent[u] = v;
        }
    }
    let mut size = vec![0_usize; atoms.len()];
    let mut attached = vec![false; atoms.len()];
    for (i, atom) in atoms.iter().enumerate() {
        let r = root(&mut parent, i);
        size[r] += 1;
        attached[r] |= atom.attached;
    }
    let detached: Vec<usize> =
        (0..atoms.len()).filter(|&r| !attached[r]).map(|r| size[r]).filter(|&n| n > 0).collect();
    values.set("clusters", detached.len() as f64 / (area / 100.0));
    values.set("cluster_max", detached.iter().copied().max().unwrap_or(0) as f64);
}

fn root(parent: &mut [usize], mut i: usize) -> usize {
    while parent[i] != i {
        parent[i] = parent[parent[i]];
        i = parent[i];
    }
    i
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_clusters_without_a_foothold_count() {
        let atom = |id: u32, attached: bool, links: &[u32]| Foreign {
            interface: 0,
            id,
            attached,
            links: links.to_vec(),
        };
        let foreign = [
            atom(1, false, &[2]),
            atom(2, false, &[1, 3]),
            atom(3, false, &[2]),
            atom(4, false, &[5]),
            atom(5, true, &[4]),
            atom(9, false, &[]),
        ];
        let mut values = Values::new(false);
        finish(&foreign, 0, 200.0, &mut values);
        let v = values.into_vec();
        let get = |name: &str| v[crate::registry::index_of(name).expect("name")];
        assert!((get("clusters") - 1.0).abs() < 1e-15);
        assert!((get("cluster_max") - 3.0).abs() < 1e-15);
    }
}
