//! CIF: the first data block that holds atom sites, expanded by its symmetry operations.

use super::Raw;

/// One word of the file, and whether it was quoted: a quoted `_tag` is a value.
struct Word {
    text: String,
    quoted: bool,
}

impl Word {
    fn is_tag(&self) -> bool {
        !self.quoted && self.text.starts_with('_')
    }

    fn is_keyword(&self, keyword: &str) -> bool {
        !self.quoted && self.text.to_ascii_lowercase().starts_with(keyword)
    }
}

/// One data block: single items and loops, tags in lower case.
#[derive(Default)]
struct Block {
    items: Vec<(String, String)>,
    loops: Vec<Loop>,
}

struct Loop {
    tags: Vec<String>,
    values: Vec<String>,
}

impl Loop {
    fn column(&self, tag: &str) -> Option<usize> {
        self.tags.iter().position(|known| known == tag)
    }

    fn rows(&self) -> impl Iterator<Item = &[String]> {
        self.values.chunks_exact(self.tags.len())
    }
}

impl Block {
    fn item(&self, tag: &str) -> Option<&str> {
        self.items.iter().find(|(known, _)| known == tag).map(|(_, value)| value.as_str())
    }

    fn with(&self, tag: &str) -> Option<&Loop> {
        self.loops.iter().find(|list| list.column(tag).is_some())
    }
}

pub(super) fn read(text: &str) -> Result<Raw, String> {
    let blocks = blocks(&words(text)?)?;
    let block = blocks
        .iter()
        .find(|block| block.with("_atom_site_fract_x").is_some())
        .ok_or("no atom sites (_atom_site_fract_x)")?;
    let vectors = cell(block)?;
    let operations = operations(block)?;
    let sites = block.with("_atom_site_fract_x").ok_or("no atom sites")?;
    let column = |tag: &str| sites.column(tag).ok_or_else(|| format!("{tag} is missing"));
    let places =
        [column("_atom_site_fract_x")?, column("_atom_site_fract_y")?, column("_atom_site_fract_z")?];
    let (kind, label) = (sites.column("_atom_site_type_symbol"), sites.column("_atom_site_label"));
    let symbol = kind.or(label).ok_or("_atom_site_type_symbol is missing")?;
    let occupancy = sites.column("_atom_site_occupancy");
    let mut atoms = Vec::new();
    for row in sites.rows() {
        let name = &row[label.unwrap_or(symbol)];
        if let Some(share) = occupancy.map(|at| row[at].as_str()).filter(|v| !matches!(*v, "." | "?")) {
            let share =
                number(share).ok_or_else(|| format!("atom {name}: occupancy '{share}' is no number"))?;
            if (share - 1.0).abs() > 1e-3 {
                return Err(format!(
                    "atom {name}: expected a fully occupied site, not one of occupancy {share}"
                ));
            }
        }
        let element = element(&row[symbol]);
        let mut place = [0.0; 3];
        for k in 0..3 {
            let word = &row[places[k]];
            place[k] =
                number(word).ok_or_else(|| format!("atom {name}: coordinate '{word}' is no number"))?;
        }
        for operation in &operations {
            atoms.push((element.clone(), operation.apply(&place)));
        }
    }
    Ok(Raw { vectors, atoms })
}

/// The element of a type symbol or label such as `Li1+`, `O2-`, `Si1`.
fn element(symbol: &str) -> String {
    let letters: String = symbol.chars().take_while(char::is_ascii_alphabetic).collect();
    // Labels may be in capitals (`NA1`) and go on in letters (`OW`, `Oa`): the longest beginning that is an
    // element, in whatever case.
    let known = |length: usize| {
        let begin = letters.get(..length)?;
        crate::elements::SYMBOLS.iter().find(|symbol| symbol.eq_ignore_ascii_case(begin))
    };
    known(2).or_else(|| known(1)).map_or(letters.clone(), |symbol| (*symbol).to_owned())
}

/// A number, without its standard uncertainty in parentheses.
fn number(word: &str) -> Option<f64> {
    let plain = word.split_once('(').map_or(word, |(before, _)| before);
    plain.parse().ok().filter(|v: &f64| v.is_finite())
}

fn cell(block: &Block) -> Result<[[f64; 3]; 3], String> {
    let value = |tag: &str| {
        let word = block.item(tag).ok_or_else(|| format!("{tag} is missing"))?;
        number(word).ok_or_else(|| format!("{tag} = '{word}': expected a number"))
    };
    let [a, b, c] = [value("_cell_length_a")?, value("_cell_length_b")?, value("_cell_length_c")?];
    let angles = [value("_cell_angle_alpha")?, value("_cell_angle_beta")?, value("_cell_angle_gamma")?];
    let [alpha, beta, gamma] = angles.map(|degrees| degrees.to_radians().cos());
    let sine = (1.0 - gamma * gamma).sqrt();
    let along = (alpha - beta * gamma) / sine;
    let up = (1.0 - beta * beta - along * along).sqrt();
    Ok([[a, 0.0, 0.0], [b * gamma, b * sine, 0.0], [c * beta, c * along, c * up]])
}

/// x' = matrix x + shift, in fractional coordinates.
struct Operation {
    matrix: [[f64; 3]; 3],
    shift: [f64; 3],
}

impl Operation {
    fn apply(&self, x: &[f64; 3]) -> [f64; 3] {
        std::array::from_fn(|i| self.shift[i] + (0..3).map(|k| self.matrix[i][k] * x[k]).sum::<f64>())
    }

    fn parse(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.split(',').collect();
        if parts.len() != 3 {
            return None;
        }
        let mut operation = Self { matrix: [[0.0; 3]; 3], shift: [0.0; 3] };
        for (row, part) in parts.iter().enumerate() {
            let part: String =
                part.chars().filter(|c| !c.is_whitespace()).collect::<String>().to_ascii_lowercase();
            // Split before every sign: `1/2-y` is `1/2` and `-y`.
            let mut term = String::new();
            let mut terms = Vec::new();
            for c in part.chars() {
                if matches!(c, '+' | '-') && !term.is_empty() {
                    terms.push(std::mem::take(&mut term));
                }
                term.push(c);
            }
            terms.push(term);
            for term in terms {
                let (sign, body) = match term.strip_prefix('-') {
                    Some(rest) => (-1.0, rest),
                    None => (1.0, term.strip_prefix('+').unwrap_or(&term)),
                };
                match body {
                    "x" => operation.matrix[row][0] += sign,
                    "y" => operation.matrix[row][1] += sign,
                    "z" => operation.matrix[row][2] += sign,
                    _ => operation.shift[row] += sign * fraction(body)?,
                }
            }
        }
        Some(operation)
    }
}

/// `1/2` or `0.5`.
fn fraction(text: &str) -> Option<f64> {
    match text.split_once('/') {
        Some((above, below)) => {
            let (above, below): (f64, f64) = (above.parse().ok()?, below.parse().ok()?);
            (below != 0.0).then(|| above / below)
        }
        None => text.parse().ok().filter(|v: &f64| v.is_finite()),
    }
}

fn operations(block: &Block) -> Result<Vec<Operation>, String> {
    const TAGS: [&str; 2] = ["_symmetry_equiv_pos_as_xyz", "_space_group_symop_operation_xyz"];
    const GROUPS: [&str; 8] = [
        "_symmetry_space_group_name_h-m",
        "_space_group_name_h-m",
        "_space_group_name_h-m_alt",
        "_space_group_name_h-m_full",
        "_symmetry_space_group_name_hall",
        "_space_group_name_hall",
        "_symmetry_int_tables_number",
        "_space_group_it_number",
    ];
    let parse = |text: &str| {
        Operation::parse(text).ok_or_else(|| {
            format!("symmetry operation '{text}': expected three sums of x, y, z and fractions")
        })
    };
    for tag in TAGS {
        if let Some(text) = block.item(tag) {
            return Ok(vec![parse(text)?]);
        }
        if let Some(list) = block.with(tag) {
            let at = list.column(tag).ok_or("the column is there")?;
            return list.rows().map(|row| parse(&row[at])).collect();
        }
    }
    let mut stated = false;
    for group in GROUPS.iter().filter_map(|tag| block.item(tag)) {
        let plain: String = group.chars().filter(|c| !c.is_whitespace()).collect();
        match plain.to_ascii_uppercase().as_str() {
            "?" | "." => {}
            "P1" | "1" => stated = true,
            _ => {
                return Err(format!(
                    "space group {group}: expected a list of its operations (_symmetry_equiv_pos_as_xyz)"
                ));
            }
        }
    }
    if !stated {
        return Err(
            "no symmetry: expected a list of operations (_symmetry_equiv_pos_as_xyz), or the space group \
                    P 1 (_symmetry_space_group_name_H-M) where every atom is listed"
                .to_owned(),
        );
    }
    Ok(vec![parse("x,y,z")?])
}

/// Splits a file into words: quoted strings, text fields between semicolons, and the rest.
fn words(text: &str) -> Result<Vec<Word>, String> {
    let mut words = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(first) = line.strip_prefix(';') {
            let mut field = vec![first];
            loop {
                match lines.next() {
                    Some(next) if next.starts_with(';') => break,
                    Some(next) => field.push(next),
                    None => return Err("a text field that starts with ';' does not end".to_owned()),
                }
            }
            words.push(Word { text: field.join("\n"), quoted: true });
            continue;
        }
        let mut rest = line.trim_start();
        while !rest.is_empty() && !rest.starts_with('#') {
            let quote = rest.chars().next().filter(|c| matches!(c, '\'' | '"'));
            let end = if let Some(quote) = quote {
                // A quote ends a string only where a blank follows.
                let body = &rest[1..];
                let closes = |(at, c): &(usize, char)| {
                    *c == quote && body[at + 1..].chars().next().is_none_or(char::is_whitespace)
                };
                let at = body.char_indices().find(closes).map(|(at, _)| at);
                let at = at.ok_or_else(|| format!("a string does not end: {line}"))?;
                words.push(Word { text: body[..at].to_owned(), quoted: true });
                at + 2
            } else {
                let at = rest.find(char::is_whitespace).unwrap_or(rest.len());
                words.push(Word { text: rest[..at].to_owned(), quoted: false });
                at
            };
            rest = rest[end..].trim_start();
        }
    }
    Ok(words)
}

fn blocks(words: &[Word]) -> Result<Vec<Block>, String> {
    let mut blocks = vec![Block::default()];
    let mut at = 0;
    while let Some(word) = words.get(at) {
        at += 1;
        if word.is_keyword("data_") {
            blocks.push(Block::default());
        } else if word.is_keyword("loop_") {
            let tags: Vec<String> =
                words[at..].iter().take_while(|w| w.is_tag()).map(|w| w.text.to_ascii_lowercase()).collect();
            at += tags.len();
            let ends = |w: &&Word| !(w.is_tag() || w.is_keyword("loop_") || w.is_keyword("data_"));
            let values: Vec<String> = words[at..].iter().take_while(ends).map(|w| w.text.clone()).collect();
            at += values.len();
            if tags.is_empty() || !values.len().is_multiple_of(tags.len()) {
                return Err(format!("a loop of {} columns holds {} values", tags.len(), values.len()));
            }
            last(&mut blocks).loops.push(Loop { tags, values });
        } else if word.is_tag() {
            let tag = word.text.to_ascii_lowercase();
            let value = words.get(at).filter(|w| !w.is_tag()).ok_or_else(|| format!("{tag} has no value"))?;
            at += 1;
            last(&mut blocks).items.push((tag, value.text.clone()));
        }
    }
    Ok(blocks)
}

fn last(blocks: &mut [Block]) -> &mut Block {
    blocks.last_mut().expect("it starts with one")
}
