//! POSCAR and CONTCAR, with or without a line of species.

use super::{Raw, fractional, three};

pub(super) fn read(text: &str, elements: Option<&[String]>) -> Result<Raw, String> {
    let lines: Vec<&str> = text.lines().collect();
    let line = |k: usize| lines.get(k - 1).copied().ok_or_else(|| format!("line {k} is missing"));
    let words = |k: usize| line(k).map(|text| text.split_whitespace().collect::<Vec<_>>());

    let scales: Vec<f64> = words(2)?.iter().map_while(|word| word.parse().ok()).collect();
    let mut vectors = [[0.0; 3]; 3];
    for (k, vector) in vectors.iter_mut().enumerate() {
        *vector = three(&words(3 + k)?, &format!("line {}", 3 + k))?;
    }
    let factors = match scales[..] {
        [factor] if factor > 0.0 => [factor; 3],
        // A negative number is the volume.
        [volume] if volume < 0.0 => {
            let [a, b, c] = &vectors;
            let own = crate::geometry::dot(a, &crate::geometry::cross(b, c)).abs();
            [(-volume / own).cbrt(); 3]
        }
        [x, y, z] if x > 0.0 && y > 0.0 && z > 0.0 => [x, y, z],
        _ => {
            return Err(format!(
                "line 2: expected a scale, a negative volume or three scales, not '{}'",
                line(2)?
            ));
        }
    };
    for vector in &mut vectors {
        *vector = std::array::from_fn(|k| vector[k] * factors[k]);
    }

    let mut at = 6;
    let is_number = |word: &&str| word.parse::<usize>().is_ok();
    let species: Vec<String> = if words(at)?.iter().all(is_number) {
        let given =
            elements.ok_or("line 6: expected element symbols; give them as elements in the specification")?;
        given.to_vec()
    } else {
        at += 1;
        // Newer files add the potential after a slash or an underscore.
        words(at - 1)?.iter().map(|word| word.split(['/', '_']).next().unwrap_or(word).to_owned()).collect()
    };
    let counts: Vec<usize> = words(at)?.iter().map_while(|word| word.parse().ok()).collect();
    if counts.len() != species.len() || counts.is_empty() {
        return Err(format!("line {at}: expected {} numbers of atoms, not '{}'", species.len(), line(at)?));
    }
    at += 1;
    let starts = |text: &str, letters: &[char]| text.trim_start().starts_with(letters);
    if starts(line(at)?, &['S', 's']) {
        at += 1;
    }
    let mode = line(at)?;
    let cartesian = starts(mode, &['C', 'c', 'K', 'k']);
    if !cartesian && !starts(mode, &['D', 'd']) {
        return Err(format!("line {at}: expected Direct or Cartesian, not '{mode}'"));
    }
    let total = counts.iter().fold(0_usize, |sum, count| sum.saturating_add(*count));
    let symbols = species.iter().zip(&counts).flat_map(|(symbol, count)| std::iter::repeat_n(symbol, *count));
    let present = lines.len().saturating_sub(at);
    if present < total {
        return Err(format!("expected {total} atoms, found {present}"));
    }
    let mut atoms = Vec::with_capacity(total);
    for (k, symbol) in symbols.enumerate() {
        let number = at + 1 + k;
        let place = three(&words(number)?, &format!("line {number}"))?;
        let place = if cartesian {
            fractional(&vectors, &std::array::from_fn(|k| place[k] * factors[k]))
        } else {
            place
        };
        atoms.push((symbol.clone(), place));
    }
    Ok(Raw { vectors, atoms })
}
