//! Stretches of series as tensors.

use burn::tensor::{Device, Tensor, TensorData};

use crate::learn::sequence::{Sequence, Stretch, Weights};

/// Stretches side by side, padded in front to the longest.
#[derive(Debug, Clone)]
pub struct Batch {
    /// Inputs, [batch, frames, channels].
    pub inputs: Tensor<3>,
    /// 1 for frames, 0 for padding, [batch, frames].
    pub mask: Tensor<2>,
    /// Most frames of padding.
    pub padded: usize,
    /// Frames per row.
    pub frames: usize,
    /// Weight of each class at each place, [batch, frames, classes]; zero where there is no target.
    pub state: Tensor<3>,
    /// Places with a class.
    pub states: usize,
    /// Weight and target of the warning, [batch, frames, 1] each.
    pub warning: [Tensor<3>; 2],
    /// Places with a target of the warning.
    pub warnings: usize,
}

impl Batch {
    /// A batch on a device.
    ///
    /// # Panics
    /// If there is no stretch.
    #[must_use]
    pub fn new(
        sequences: &[Sequence],
        stretches: &[Stretch],
        weights: &Weights,
        smoothing: f32,
        device: &Device,
    ) -> Self {
        let frames = stretches.iter().map(Stretch::length).max().expect("a batch holds stretches");
        let least = stretches.iter().map(Stretch::length).min().expect("a batch holds stretches");
        let (batch, classes) = (stretches.len(), weights.state.len());
        let channels = sequences[stretches[0].sequence].channels;
        let mut inputs = vec![0f32; batch * frames * channels];
        let mut mask = vec![0f32; batch * frames];
        let mut state = vec![0f32; batch * frames * classes];
        let mut warning = [vec![0f32; batch * frames], vec![0f32; batch * frames]];
        let (mut states, mut warnings) = (0, 0);
        for (number, stretch) in stretches.iter().enumerate() {
            let sequence = &sequences[stretch.sequence];
            let first = number * frames + frames - stretch.length();
            inputs[first * channels..(first + stretch.length()) * channels]
                .copy_from_slice(&sequence.inputs[stretch.start * channels..stretch.end * channels]);
            mask[first..first + stretch.length()].fill(1.0);
            for row in stretch.from..stretch.end {
                let place = first + row - stretch.start;
                if let Some(class) = sequence.state[row] {
                    let weight = weights.state[usize::from(class)];
                    let target = &mut state[place * classes..(place + 1) * classes];
                    target.fill(weight * smoothing / classes as f32);
                    target[usize::from(class)] += weight * (1.0 - smoothing);
                    states += 1;
                }
                if let Some(target) = sequence.warning[row] {
                    let weight = weights.warning[usize::from(target)];
                    warning[0][place] = weight;
                    warning[1][place] = f32::from(u8::from(target));
                    warnings += 1;
                }
            }
        }
        let [weight, target] =
            warning.map(|data| Tensor::from_data(TensorData::new(data, [batch, frames, 1]), device));
        Self {
            inputs: Tensor::from_data(TensorData::new(inputs, [batch, frames, channels]), device),
            mask: Tensor::from_data(TensorData::new(mask, [batch, frames]), device),
            padded: frames - least,
            frames,
            state: Tensor::from_data(TensorData::new(state, [batch, frames, classes]), device),
            states,
            warning: [weight, target],
            warnings,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::sequence::tests::sequence;

    #[test]
    fn batches_are_padded_in_front_and_weigh_only_what_has_a_target() {
        let sequences = [sequence(3), sequence(2)];
        let stretches = [
            Stretch { sequence: 0, start: 0, from: 2, end: 3 },
            Stretch { sequence: 1, start: 0, from: 0, end: 2 },
        ];
        let weights = Weights { state: vec![2.0, 3.0], warning: [1.0, 5.0] };
        let batch = Batch::new(&sequences, &stretches, &weights, 0.0, &Device::flex());
        let list = |data: TensorData| data.try_to_vec::<f32>().expect("f32");
        assert_eq!(list(batch.inputs.into_data())[6..], [0.0, 0.0, 1.0, 2.0, 3.0, 4.0]);
        assert_eq!(list(batch.mask.into_data()), [1.0, 1.0, 1.0, 0.0, 1.0, 1.0]);
        assert_eq!(batch.padded, 1);
        let state = list(batch.state.into_data());
        assert_eq!(state, [0.0, 0.0, 0.0, 0.0, 0.0, 3.0, 0.0, 0.0, 0.0, 0.0, 2.0, 0.0]);
        assert_eq!((batch.states, batch.warnings), (2, 1));
    }
}
