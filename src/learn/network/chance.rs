//! Dropout and noise. burn draws every number by itself from a cipher behind a lock, which took a third of a
//! training step; here one 64-bit number makes eight decisions. The device's generator gives the seed.

use burn::nn::Dropout;
use burn::tensor::{Device, Distribution, Tensor, TensorData};

use crate::learn::random::Random;

/// A generator seeded by the device's.
fn random(device: &Device) -> Random {
    let drawn = Tensor::<1>::random([4], Distribution::Uniform(0.0, 1.0), device).into_data();
    let seed = drawn.iter::<f32>().fold(0u64, |seed, x| (seed << 16) | u64::from((x * 65_536.0) as u16));
    Random::new(seed, 0xD209)
}

/// `count` numbers, each 0 with a probability of `share`, rounded to 1/256, and else so large that the mean is 1.
fn kept(count: usize, share: f64, random: &mut Random) -> Vec<f32> {
    let below = (share * 256.0).round().clamp(0.0, 255.0) as u8;
    let scale = 256.0 / (256.0 - f32::from(below));
    let mut mask = Vec::with_capacity(count.next_multiple_of(8));
    for _ in 0..count.div_ceil(8) {
        let bytes = random.next_u64().to_le_bytes();
        mask.extend(bytes.map(|byte| if byte < below { 0.0 } else { scale }));
    }
    mask.truncate(count);
    mask
}

/// As [`Dropout::forward`].
pub fn dropped<const D: usize>(dropout: &Dropout, x: Tensor<D>) -> Tensor<D> {
    let device = x.device();
    if !dropout.training.is_enabled() || !device.is_autodiff() || dropout.prob == 0.0 {
        return x;
    }
    let shape = x.shape();
    let mask = kept(shape.num_elements(), dropout.prob, &mut random(&device));
    x * Tensor::from_data(TensorData::new(mask, shape), &device)
}

/// The tensor with noise of mean 0: sums of eight uniform numbers, which is normal but for the tails beyond
/// three deviations.
pub fn noisy<const D: usize>(x: Tensor<D>, deviation: f64) -> Tensor<D> {
    if deviation == 0.0 {
        return x;
    }
    let (shape, device) = (x.shape(), x.device());
    let mut random = random(&device);
    // Variance of a byte: (256^2 - 1) / 12.
    let scale = (deviation / (8.0 * 65_535.0 / 12.0f64).sqrt()) as f32;
    let noise: Vec<f32> = (0..shape.num_elements())
        .map(|_| {
            let bytes = random.next_u64().to_le_bytes();
            (bytes.map(i32::from).iter().sum::<i32>() - 1020) as f32 * scale
        })
        .collect();
    x + Tensor::from_data(TensorData::new(noise, shape), &device)
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::nn::DropoutConfig;

    fn moments(x: Tensor<2>) -> (f64, f64) {
        let values = x.into_data().try_to_vec::<f32>().expect("f32");
        let mean = values.iter().map(|&v| f64::from(v)).sum::<f64>() / values.len() as f64;
        let variance = values.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>();
        (mean, variance / values.len() as f64)
    }

    #[test]
    fn noise_has_the_deviation_and_dropout_the_share() {
        let device = Device::flex().autodiff();
        device.seed(3);
        let ones = || Tensor::<2>::ones([300, 301], &device);
        let (mean, variance) = moments(noisy(ones(), 0.3));
        assert!((mean - 1.0).abs() < 0.005 && (variance.sqrt() - 0.3).abs() < 0.003, "{mean} {variance}");
        let dropout = DropoutConfig::new(0.25).init();
        let (mean, variance) = moments(dropped(&dropout, ones()));
        // Zero or 4/3: variance p / (1 - p).
        assert!((mean - 1.0).abs() < 0.01 && (variance - 1.0 / 3.0).abs() < 0.01, "{mean} {variance}");
        let still = dropped(&dropout, Tensor::<2>::ones([3, 3], &Device::flex()));
        assert_eq!(moments(still), (1.0, 0.0), "no dropout where nothing is trained");
    }

    #[test]
    fn equal_seeds_drop_the_same_and_calls_differ() {
        let device = Device::flex().autodiff();
        let draw = || noisy(Tensor::<2>::zeros([5, 5], &device), 1.0).into_data();
        device.seed(7);
        let (first, second) = (draw(), draw());
        device.seed(7);
        assert_eq!(draw(), first);
        assert_ne!(first, second);
    }
}
