//! Colours, and signs that say the same without them.

use foreshock::decision::StateCode;
use foreshock::watch::Status;
use ratatui::style::{Color, Modifier, Style};

/// How to draw. Colours are of the terminal's own 16, so that they fit light and dark backgrounds,
/// and never the only difference: states have letters, interfaces have markers.
#[derive(Debug, Clone, Copy)]
pub struct Paint {
    colours: bool,
}

impl Paint {
    /// With or without colours.
    pub fn new(colours: bool) -> Self {
        Self { colours }
    }

    /// As the environment asks for (<https://no-color.org>).
    pub fn from_environment() -> Self {
        let asked_not = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        Self::new(!asked_not && !dumb)
    }

    fn colour(self, colour: Color) -> Style {
        if self.colours { Style::new().fg(colour) } else { Style::new() }
    }

    /// A state's name.
    pub fn state(self, state: StateCode) -> Style {
        match state {
            StateCode::Alarm => self.colour(Color::Red).add_modifier(Modifier::BOLD | Modifier::REVERSED),
            StateCode::Warning | StateCode::NoSurface => {
                self.colour(Color::Yellow).add_modifier(Modifier::BOLD)
            }
            StateCode::WorkerDead | StateCode::Nan | StateCode::Stale => self.colour(Color::Magenta),
            StateCode::Stable => self.colour(Color::Blue),
            StateCode::NoSample | StateCode::Reference | StateCode::Learning | StateCode::Filling => {
                self.faint()
            }
        }
    }

    /// Where a run stands.
    pub fn status(self, status: &Status) -> Style {
        match status {
            Status::Halted => self.colour(Color::Red).add_modifier(Modifier::BOLD),
            Status::Silent(_) | Status::Unusable(_) => {
                self.colour(Color::Yellow).add_modifier(Modifier::BOLD)
            }
            Status::Running | Status::Reading => Style::new().add_modifier(Modifier::BOLD),
            Status::Waiting | Status::Ended => Style::new(),
        }
    }

    /// An interface's line.
    pub fn interface(self, number: usize) -> Style {
        self.colour(if number == 0 { Color::Blue } else { Color::Yellow })
    }

    /// A mark before an interface's name, as its line looks in the charts.
    pub fn sign(number: usize) -> &'static str {
        if number == 0 { "⠤⠤" } else { "••" }
    }

    /// Frames, axes and what is less important.
    pub fn faint(self) -> Style {
        self.colour(Color::DarkGray)
    }

    /// Headings.
    pub fn strong(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }
}

/// A state in one letter, for the bar.
pub fn letter(state: StateCode) -> char {
    match state {
        StateCode::NoSample => ' ',
        StateCode::Reference => 'r',
        StateCode::Learning => 'l',
        StateCode::Filling => 'f',
        StateCode::Stable => '·',
        StateCode::Warning => 'w',
        StateCode::Alarm => 'A',
        StateCode::NoSurface => 'x',
        StateCode::Nan => 'n',
        StateCode::WorkerDead => 'D',
        StateCode::Stale => 's',
    }
}
