//! What the reference paper prints: illustrative placeholders, shown beside our numbers.

/// The reference paper's illustrative placeholders (doi:10.31881/TLR.2026.4070): accuracy, macro-F1,
/// AUC, lead time in ps.
pub const PAPER: [(&str, [f64; 4]); 5] = [
    ("svm", [0.761, 0.742, 0.781, 7.4]),
    ("mlp", [0.803, 0.786, 0.829, 10.8]),
    ("lstm", [0.872, 0.865, 0.911, 18.6]),
    ("tcn", [0.891, 0.887, 0.931, 21.3]),
    ("transformer", [0.913, 0.906, 0.949, 24.7]),
];

/// Its placeholder for the turning point of Fig. 3, as a share of the trajectory.
pub const PAPER_TURNING_POINT: f64 = 0.4;

/// Its placeholders for other conditions: macro-F1, AUC.
pub const PAPER_SHIFTS: [(&str, [f64; 2]); 5] = [
    ("in-domain", [0.906, 0.949]),
    ("temperature", [0.881, 0.926]),
    ("orientation", [0.862, 0.913]),
    ("defects", [0.851, 0.904]),
    ("material", [0.824, 0.887]),
];

/// Test sets of Table 2: name, what is new in it.
pub const CONDITIONS: [(&str, &str); 8] = [
    ("in-domain", "unseen lineages"),
    ("temperature", "unseen temperature between trained ones"),
    ("temperature-beyond", "temperature beyond the trained ones"),
    ("orientation", "unseen orientation"),
    ("defects", "unseen defect density"),
    ("size", "other cell size"),
    ("material", "another oxide system"),
    ("family", "halides"),
];
