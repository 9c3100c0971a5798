//! Which of LAMMPS's lines a watcher wants to see.

/// Follows LAMMPS's screen output.
#[derive(Debug, Default)]
pub struct Screen {
    /// Column of the fix's state code while a thermo table runs.
    state_column: Option<usize>,
    in_table: bool,
}

/// Names of the fix's state codes, by number.
fn state_name(code: &str) -> Option<&'static str> {
    let number: usize = code.parse().ok()?;
    foreshock::decision::StateCode::ALL.get(number).map(|state| state.name())
}

impl Screen {
    /// What to print for a line, if anything: thermo tables, whose state code is spelled out, and
    /// what the fix, errors and warnings of it say.
    pub fn show(&mut self, line: &str) -> Option<String> {
        let words: Vec<&str> = line.split_whitespace().collect();
        if words.first() == Some(&"Step") {
            self.in_table = true;
            self.state_column = words.iter().position(|word| word.ends_with("[10]"));
            return Some(line.to_owned());
        }
        if self.in_table && line.starts_with("Loop time") {
            self.in_table = false;
            return Some(String::new());
        }
        if line.contains("foreshock") || line.starts_with("ERROR") {
            return Some(line.to_owned());
        }
        let is_row =
            self.in_table && !words.is_empty() && words.iter().all(|word| word.parse::<f64>().is_ok());
        is_row.then(|| {
            let name = self.state_column.and_then(|column| state_name(words.get(column)?));
            name.map_or_else(|| line.to_owned(), |name| format!("{line} {name}"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_and_the_fix_are_shown_and_chatter_is_not() {
        let output = "\
LAMMPS (22 Jul 2025 - Update 4)
Loaded 1 plugins from /somewhere
Generated 0 of 3 mixed pair_coeff terms
   Step          Temp         f_w[6]        f_w[10]
         0   1218.81       nan            0
       250   1212.32       0.41           4
fix foreshock w: ALARM at step 300
       500   1212.32       3.1            6
Loop time of 2.6 on 1 procs
Performance: 16.3 ns/day
500 1 2
";
        let mut screen = Screen::default();
        let shown: Vec<String> = output.lines().filter_map(|line| screen.show(line)).collect();
        assert_eq!(
            shown,
            [
                "   Step          Temp         f_w[6]        f_w[10]",
                "         0   1218.81       nan            0 no_sample",
                "       250   1212.32       0.41           4 stable",
                "fix foreshock w: ALARM at step 300",
                "       500   1212.32       3.1            6 alarm",
                "",
            ]
        );
    }
}
