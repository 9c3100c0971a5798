//! `foreshock descriptors`: the registry as text or as the Markdown page `docs/descriptors.md`.

use std::io::Write;
use std::process::ExitCode;

use anyhow::Result;

use foreshock::registry::{
    ANOMALOUS, ANOMALOUS_SUFFIXES, BASE, Category, Descriptor, RDF_BINS, RDF_PAIRS, Scale, Trend,
};

/// List the descriptors: name, unit, category, scale, trend, equation, source.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  foreshock descriptors --markdown > docs/descriptors.md")]
pub struct Args {
    /// Print the page docs/descriptors.md instead of lines of text
    #[arg(long)]
    markdown: bool,
}

/// Runs the command.
///
/// # Errors
/// When standard output cannot be written.
pub fn run(args: Args) -> Result<ExitCode> {
    let page = if args.markdown { markdown() } else { text() };
    match std::io::stdout().write_all(page.as_bytes()) {
        // `foreshock descriptors | head` has what it wanted.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => {}
        written => written?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Columns of the fix's array before the descriptors: the columns of its vector.
const COLUMNS: usize = 10;

fn category(category: Category) -> &'static str {
    match category {
        Category::GlobalDynamics => "global dynamics",
        Category::LocalStructure => "local structure",
        Category::AnomalousDynamics => "anomalous dynamics",
        Category::Radial => "radial",
    }
}

fn scale(scale: Scale) -> &'static str {
    match scale {
        Scale::Reference => "reference",
        Scale::Region => "region",
        Scale::Surface => "surface",
        Scale::History => "history",
    }
}

fn trend(trend: Trend) -> &'static str {
    match trend {
        Trend::Stationary => "level",
        Trend::Cumulative => "rate",
        Trend::Excluded => "no",
    }
}

/// One line per descriptor, for `grep`.
fn text() -> String {
    let mut out = String::new();
    for row in BASE {
        let Descriptor { name, unit, equation, source, .. } = row;
        let (category, scale, trend) = (category(row.category), scale(row.scale), trend(row.trend));
        out += &format!("{name:<18} {unit:<7} {category:<19} {scale:<10} {trend:<6} {equation} [{source}]\n");
    }
    out
}

/// A DOI as a link, other sources as they are.
fn link(source: &str) -> String {
    match source.strip_prefix("doi:") {
        Some(doi) => format!("[{source}](https://doi.org/{doi})"),
        None => source.to_owned(),
    }
}

/// Text in a table's cell: no column mark, nothing that looks like HTML.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('<', "\\<")
}

const INTRODUCTION: &str = "\
# Descriptors

<!-- Written by `foreshock descriptors --markdown` from src/registry.rs; a test compares them. -->

Every descriptor is measured per interface and per sample. Lengths are in angstrom, times in ps, energies
in eV, stresses in GPa, whatever the run's units; in `lj` units everything stays reduced. A is side A,
B is side B of the fix line. *Framework* is every atom that is not a mobile ion, and the metal of a side
that consists of it alone.

*Column* is the position in the fix's array: `f_w[1][11]` is the first descriptor of interface 1.

*Over* says what the value is taken over: the atoms that were interfacial at the **reference**, the
atoms inside the interfacial **region** now, or the dividing **surface** (composition profile and
lateral grid).

*Index* says how the instability index uses the descriptor: **level**, as it is; **rate**, by its rate over
the lag, since it grows in healthy runs too; **no**, not at all: the normal work of an electrolyte (mobile
ions), extremes and small counts, which vary more between two stretches of a healthy run than failure
changes them, and bond lengths, which follow the temperature. All are recorded either way.

A value is undefined (NaN) until the topology reference is complete; those over the lag until one lag
later; `env_shift` and `foreign_neighbors` until their own reference has been averaged; stress and
energy while `stress` is off; and a mean over no atoms always.
";

fn markdown() -> String {
    let mut out = INTRODUCTION.to_owned();
    for section in [Category::GlobalDynamics, Category::LocalStructure, Category::AnomalousDynamics] {
        let title = category(section);
        out += &format!("\n## {}{}\n\n", title[..1].to_uppercase(), &title[1..]);
        out += "| column | name | unit | over | index | definition | source |\n";
        out += "|---:|---|---|---|---|---|---|\n";
        for (at, row) in BASE.iter().enumerate().filter(|(_, row)| row.category == section) {
            out += &format!(
                "| {} | `{}` | {} | {} | {} | {} | {} |\n",
                COLUMNS + 1 + at,
                row.name,
                row.unit,
                scale(row.scale),
                trend(row.trend),
                cell(row.equation),
                link(row.source)
            );
        }
    }
    out += &history();
    out += &radial();
    out
}

fn history() -> String {
    let code = |names: &[&str]| names.iter().map(|n| format!("`{n}`")).collect::<Vec<_>>().join(", ");
    format!(
        "\nThe window stage adds four channels to each of {}, with the suffixes {}: first difference, \
         second difference, variance over the last lag, and CUSUM response (self-starting, \
         [doi:10.2307/2348827](https://doi.org/10.2307/2348827)). They are part of a window, not of the \
         fix's array, and are made again from the recorded descriptors by `foreshock replay`.\n",
        code(&ANOMALOUS),
        code(&ANOMALOUS_SUFFIXES)
    )
}

fn radial() -> String {
    let first = COLUMNS + 1 + BASE.len();
    format!(
        "\n## Radial distribution functions\n\nWith `rdf yes`, {} bins each of `{}` (columns {first} to {}): \
         partial radial distribution functions of the region's framework, by side, named `{}_00` and so \
         on. Not part of the instability index.\n",
        RDF_BINS,
        RDF_PAIRS.join("`, `"),
        first + RDF_PAIRS.len() * RDF_BINS - 1,
        RDF_PAIRS[0]
    )
}
