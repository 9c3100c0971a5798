//! Training and evaluation: from a data set to models, and from models to tables and figures.

pub mod boost;
pub mod calibrate;
pub mod correlation;
pub mod evaluate;
pub mod figures;
pub mod folds;
pub mod importance;
pub mod inputs;
pub mod label_count;
pub mod logistic;
pub mod measures;
pub mod methods;
#[cfg(feature = "train")]
pub mod network;
pub mod plan;
pub mod prepare;
pub mod random;
pub mod replicas;
pub mod report;
pub mod run;
pub mod score;
pub mod scored;
pub mod sequence;
pub mod training;
pub mod verdicts;
pub mod winner;
