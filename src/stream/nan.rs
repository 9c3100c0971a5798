//! Undefined numbers in JSON: NaN is written as null and null is read as NaN.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

fn defined(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

pub fn serialize<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    defined(*value).serialize(serializer)
}

pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or(f64::NAN))
}

/// The same for arrays of three.
pub mod array {
    use super::{Deserialize, Deserializer, Serialize, Serializer, defined};

    pub fn serialize<S: Serializer>(values: &[f64; 3], serializer: S) -> Result<S::Ok, S::Error> {
        values.map(defined).serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[f64; 3], D::Error> {
        Ok(<[Option<f64>; 3]>::deserialize(deserializer)?.map(|v| v.unwrap_or(f64::NAN)))
    }
}

/// The same for lists.
pub mod list {
    use super::{Deserialize, Deserializer, Serializer, defined};

    pub fn serialize<S: Serializer>(values: &[f64], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(values.iter().map(|&v| defined(v)))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<f64>, D::Error> {
        let values = Vec::<Option<f64>>::deserialize(deserializer)?;
        Ok(values.into_iter().map(|v| v.unwrap_or(f64::NAN)).collect())
    }
}
