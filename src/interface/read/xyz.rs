//! Extended XYZ: the first frame. The columns are found by `Properties`.

use super::{Raw, fractional, three};

pub(super) fn read(text: &str) -> Result<Raw, String> {
    let mut lines = text.lines();
    let count: usize = lines
        .next()
        .and_then(|line| line.trim().parse().ok())
        .ok_or("line 1: expected the number of atoms")?;
    let comment = lines.next().ok_or("line 2 is missing")?;
    let lattice = value(comment, "Lattice").ok_or("line 2: expected Lattice=\"nine numbers\"")?;
    let numbers: Vec<f64> = lattice.split_whitespace().map_while(|word| word.parse().ok()).collect();
    if numbers.len() != 9 {
        return Err("line 2: expected Lattice=\"nine numbers\"".to_owned());
    }
    let vectors = std::array::from_fn(|i| std::array::from_fn(|k| numbers[3 * i + k]));
    if let Some(periodic) = value(comment, "pbc")
        && periodic.split_whitespace().any(|word| !matches!(word, "T" | "t" | "True" | "true" | "1"))
    {
        return Err(format!(
            "line 2: pbc=\"{periodic}\": expected a crystal, periodic along all three vectors"
        ));
    }
    let properties = value(comment, "Properties").unwrap_or_else(|| "species:S:1:pos:R:3".to_owned());
    let (species, position) = columns(&properties)?;
    let mut atoms = Vec::with_capacity(count.min(text.len()));
    for (k, line) in lines.take(count).enumerate() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let symbol = words.get(species).ok_or_else(|| format!("line {}: no species", 3 + k))?;
        let place = three(words.get(position..).unwrap_or_default(), &format!("line {}", 3 + k))?;
        atoms.push(((*symbol).to_owned(), fractional(&vectors, &place)));
    }
    if atoms.len() != count {
        return Err(format!("expected {count} atoms, found {}", atoms.len()));
    }
    Ok(Raw { vectors, atoms })
}

/// The value of `key=value` or `key="several words"` in the comment line.
fn value(comment: &str, key: &str) -> Option<String> {
    let lower = comment.to_ascii_lowercase();
    let pattern = format!("{}=", key.to_ascii_lowercase());
    let starts = |at: &usize| *at == 0 || comment.as_bytes()[at - 1].is_ascii_whitespace();
    let at = lower.match_indices(&pattern).map(|(at, _)| at).find(starts)?;
    let rest = &comment[at + pattern.len()..];
    let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\'' | '{' | '['));
    let text = match quote {
        Some(open) => {
            let close = match open {
                '{' => '}',
                '[' => ']',
                same => same,
            };
            rest[1..].split(close).next()?
        }
        None => rest.split_whitespace().next()?,
    };
    Some(text.to_owned())
}

/// First columns of the species and of the position.
fn columns(properties: &str) -> Result<(usize, usize), String> {
    let wrong = || format!("line 2: expected Properties with species:S:1 and pos:R:3, not '{properties}'");
    let parts: Vec<&str> = properties.split(':').collect();
    let (mut species, mut position, mut next) = (None, None, 0);
    for entry in parts.chunks(3) {
        let [name, _, width] = entry else { return Err(wrong()) };
        match *name {
            "species" => species = Some(next),
            "pos" => position = Some(next),
            _ => {}
        }
        next += width.parse::<usize>().map_err(|_| wrong())?;
    }
    species.zip(position).ok_or_else(wrong)
}
