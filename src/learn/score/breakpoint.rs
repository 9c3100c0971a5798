//! Turning point of a curve: two straight lines that meet.

/// Where the slope of y(x) changes: the breakpoint of the continuous two-line least-squares fit, found
/// on a grid of 200 places between the second and the last but one x (Muggeo, doi:10.1002/sim.1545).
/// NaN with fewer than five points, and for a flat curve, which turns nowhere.
#[must_use]
pub fn breakpoint(x: &[f64], y: &[f64]) -> f64 {
    let points: Vec<(f64, f64)> =
        x.iter().zip(y).filter(|(x, y)| x.is_finite() && y.is_finite()).map(|(x, y)| (*x, *y)).collect();
    let flat = points.windows(2).all(|pair| (pair[1].1 - pair[0].1).abs() < 1e-12);
    if points.len() < 5 || flat {
        return f64::NAN;
    }
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
    best.1
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
    }
}
