//! Texts from streams, made fit for terminals, pages and logs.

/// Characters kept of a name.
pub const NAME: usize = 80;
/// Characters kept of a sentence.
pub const SENTENCE: usize = 500;

/// `text` in at most `limit` characters, with everything that could move a cursor, ring a bell, or
/// turn the direction of writing replaced. Markup is not touched: whoever writes markup escapes it.
#[must_use]
pub fn clean(text: &str, limit: usize) -> String {
    let mut kept: String =
        text.chars().take(limit).map(|c| if harmless(c) { c } else { '\u{fffd}' }).collect();
    if text.chars().nth(limit).is_some() {
        kept.pop();
        kept.push('…');
    }
    kept
}

fn harmless(c: char) -> bool {
    let invisible = matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}');
    !c.is_control() && !invisible
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_and_direction_marks_lose_their_power() {
        assert_eq!(clean("a\u{1b}[2Jb\n\u{202e}c\u{7}", 80), "a\u{fffd}[2Jb\u{fffd}\u{fffd}c\u{fffd}");
        assert_eq!(clean("Li₂O | SiO₂ → Å", 80), "Li₂O | SiO₂ → Å");
    }

    #[test]
    fn long_texts_are_cut() {
        assert_eq!(clean("abcdef", 4), "abc…");
        assert_eq!(clean("abcd", 4), "abcd");
    }
}
