//! Boosted trees: one sum of small trees per output, on the summary of a window.

use serde::{Deserialize, Serialize};

use super::tensors::Tensors;
use crate::error::{Error, Result};

/// What is stored of a forest beside its arrays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForestSpec {
    /// Splits of a tree in depth; trees are complete.
    pub depth: usize,
    /// Outputs: the classes, then the warning where there is one.
    pub outputs: usize,
    /// Classes of the state.
    pub classes: usize,
}

/// Trees with their outputs.
#[derive(Debug, Clone, PartialEq)]
pub struct Forest {
    /// Depth and outputs.
    pub spec: ForestSpec,
    /// Start of each output's sum.
    pub start: Vec<f32>,
    /// Output of each tree.
    pub output: Vec<usize>,
    /// Feature of each split, trees x (2^depth - 1), breadth first.
    pub feature: Vec<u32>,
    /// A value above goes right; same order.
    pub above: Vec<f32>,
    /// Leaves, trees x 2^depth.
    pub leaf: Vec<f32>,
}

impl Forest {
    /// A forest without trees.
    #[must_use]
    pub fn new(spec: ForestSpec, start: Vec<f32>) -> Self {
        Self { spec, start, output: Vec::new(), feature: Vec::new(), above: Vec::new(), leaf: Vec::new() }
    }

    /// Leaf of a tree that a row of features falls into.
    #[must_use]
    pub fn leaf_of(&self, tree: usize, features: &[f32]) -> usize {
        let splits = (1 << self.spec.depth) - 1;
        let mut node = 0;
        for _ in 0..self.spec.depth {
            let at = tree * splits + node;
            let right = features[self.feature[at] as usize] > self.above[at];
            node = 2 * node + 1 + usize::from(right);
        }
        node - splits
    }

    /// Sums of all outputs.
    #[must_use]
    pub fn logits(&self, features: &[f32]) -> Vec<f32> {
        let mut logits = self.start.clone();
        for (tree, &output) in self.output.iter().enumerate() {
            logits[output] += self.leaf[(tree << self.spec.depth) + self.leaf_of(tree, features)];
        }
        logits
    }

    /// Adds the trees to a model's arrays.
    pub fn save(&self, tensors: &mut Tensors) {
        let trees = self.output.len();
        let splits = (1 << self.spec.depth) - 1;
        tensors.insert("forest.start", &[self.start.len()], self.start.clone());
        tensors.insert("forest.output", &[trees], self.output.iter().map(|&o| o as f32).collect());
        // Exact: there are far fewer than 2^24 features.
        let feature = self.feature.iter().map(|&f| f as f32).collect();
        tensors.insert("forest.feature", &[trees, splits], feature);
        tensors.insert("forest.above", &[trees, splits], self.above.clone());
        tensors.insert("forest.leaf", &[trees, 1 << self.spec.depth], self.leaf.clone());
    }

    /// Reads the trees; every feature must be below `features`.
    ///
    /// # Errors
    /// [`Error::Input`] when arrays are missing or do not fit each other.
    pub fn load(tensors: &Tensors, spec: ForestSpec, features: usize) -> Result<Self> {
        if !(1..=10).contains(&spec.depth) {
            return Err(Error::input("depth of the trees", spec.depth, "1 to 10"));
        }
        let output = tensors.list("forest.output")?;
        let (trees, splits) = (output.len(), (1 << spec.depth) - 1);
        let forest = Self {
            spec,
            start: tensors.get("forest.start", &[spec.outputs])?.to_vec(),
            output: output.iter().map(|&o| o as usize).collect(),
            feature: tensors.get("forest.feature", &[trees, splits])?.iter().map(|&f| f as u32).collect(),
            above: tensors.get("forest.above", &[trees, splits])?.to_vec(),
            leaf: tensors.get("forest.leaf", &[trees, 1 << spec.depth])?.to_vec(),
        };
        if let Some(&wrong) = forest.output.iter().find(|&&o| o >= spec.outputs) {
            return Err(Error::input("output of a tree", wrong, format!("less than {}", spec.outputs)));
        }
        match forest.feature.iter().find(|&&f| f as usize >= features) {
            Some(wrong) => Err(Error::input("feature of a tree", wrong, format!("less than {features}"))),
            None => Ok(forest),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_walked_by_hand() {
        let spec = ForestSpec { depth: 2, outputs: 2, classes: 2 };
        let mut forest = Forest::new(spec, vec![0.5, -0.5]);
        forest.output.push(1);
        forest.feature.extend([0, 1, 1]);
        forest.above.extend([1.0, 2.0, 3.0]);
        forest.leaf.extend([10.0, 20.0, 30.0, 40.0]);
        assert_eq!(forest.logits(&[0.0, 2.0]), [0.5, 9.5]);
        assert_eq!(forest.logits(&[0.0, 2.5]), [0.5, 19.5]);
        assert_eq!(forest.logits(&[1.5, 2.5]), [0.5, 29.5]);
        assert_eq!(forest.logits(&[1.5, 3.5]), [0.5, 39.5]);
        let mut tensors = Tensors::default();
        forest.save(&mut tensors);
        assert_eq!(Forest::load(&tensors, spec, 2).expect("saved"), forest);
        assert!(Forest::load(&tensors, spec, 1).is_err());
    }
}
