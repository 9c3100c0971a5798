//! Turning point of a curve: two straight lines that meet.

/// Two lines turn only where they leave less than this share of what one line leaves.
const SHARE_OF_ONE_LINE: f64 = 0.8;

/// Where the slope of y(x) changes: the breakpoint of the continuous two-line least-squares fit, found
/// on a grid of 200 places between the second and the last but one x (Muggeo, doi:10.1002/sim.1545).
/// NaN with fewer than five points, and where one line fits nearly as well (sum of squared residuals of two
/// at least 0.8 of that of one): two lines always fit better, and a straight curve turns nowhere.
#[must_use]
pub fn breakpoint(x: &[f64], y: &[f64]) -> f64 {
    let points: Vec<(f64, f64)> =
        x.iter().zip(y).filter(|(x, y)| x.is_finite() && y.is_finite()).map(|(x, y)| (*x, *y)).collect();
    if points.len() < 5 {
        return f64::NAN;
    }
    let straight = straight(&points);
    let (low, high) = (points[1].0, points[points.len() - 2].0);
    let mut best = (f64::INFINITY, f64::NAN);
    for step in 0..=200 {
        let place = low + (high - low) * f64::from(step) / 200.0;
        let rows: Vec<[f64; 4]> =
            points.iter().map(|&(x, y)| [1.0, x - place, (x - place).max(0.0), y]).collect();
        let residual = residual(&rows);
        if residual < best.0 {
            best = (residual, place);
        }
    }
    // Below rounding there is nothing left to explain.
    if straight > 1e-12 && best.0 < SHARE_OF_ONE_LINE * straight { best.1 } else { f64::NAN }
}

/// Sum of squared residuals of one line.
fn straight(points: &[(f64, f64)]) -> f64 {
    let n = points.len() as f64;
    let (x, y) = points.iter().fold((0.0, 0.0), |(a, b), (x, y)| (a + x / n, b + y / n));
    let sum = |of: &dyn Fn(f64, f64) -> f64| points.iter().map(|p| of(p.0 - x, p.1 - y)).sum::<f64>();
    let (xx, xy, yy) = (sum(&|x, _| x * x), sum(&|x, y| x * y), sum(&|_, y| y * y));
    yy - xy * xy / xx
}

/// Sum of squared residuals of a least-squares fit with three columns; the fourth is the target.
fn residual(rows: &[[f64; 4]]) -> f64 {
    let mut system = [[0.0; 4]; 3];
    for row in rows {
        for i in 0..3 {
            for j in 0..4 {
                system[i][j] += row[i] * row[j];
            }
        }
    }
    for pivot in 0..3 {
        let swap = (pivot..3).max_by(|&a, &b| system[a][pivot].abs().total_cmp(&system[b][pivot].abs()));
        system.swap(pivot, swap.unwrap_or(pivot));
        if system[pivot][pivot].abs() < 1e-12 {
            return f64::INFINITY;
        }
        for row in 0..3 {
            if row != pivot {
                let factor = system[row][pivot] / system[pivot][pivot];
                for column in pivot..4 {
                    system[row][column] -= factor * system[pivot][column];
                }
            }
        }
    }
    let fit: Vec<f64> = (0..3).map(|k| system[k][3] / system[k][k]).collect();
    rows.iter().map(|row| (row[3] - (0..3).map(|k| fit[k] * row[k]).sum::<f64>()).powi(2)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_where_a_ramp_starts() {
        let x: Vec<f64> = (0..41).map(|i| f64::from(i) / 40.0).collect();
        let y: Vec<f64> = x.iter().map(|x| 0.2 + 1.5 * (x - 0.4).max(0.0)).collect();
        assert!((breakpoint(&x, &y) - 0.4).abs() < 0.01, "{}", breakpoint(&x, &y));
        assert!(breakpoint(&x[..4], &y[..4]).is_nan());
        assert!(breakpoint(&x, &[0.3; 41]).is_nan());
        let line: Vec<f64> = x.iter().map(|x| 0.1 + 0.7 * x).collect();
        assert!(breakpoint(&x, &line).is_nan());
        let rough: Vec<f64> = x.iter().zip(0..).map(|(x, k)| x + 0.05 * f64::from(k * 7 % 5)).collect();
        assert!(breakpoint(&x, &rough).is_nan(), "scatter about one line is no turn");
    }
}
