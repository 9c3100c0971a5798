//! `foreshock interface`: builds interface cells.

use std::path::PathBuf;
use std::process::ExitCode;

use foreshock::interface::{Built, SlabReport, Spec, build};

/// Build cells of two slabs for LAMMPS.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  foreshock interface build examples/interfaces/lso_l2oL.yaml -o cell")]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Build(Build),
}

/// Build one cell: LAMMPS data, groups, record.
#[derive(Debug, clap::Args)]
#[command(after_help = "Writes interface.data (LAMMPS), groups.in (include it after read_data), \
                        interface.json (what was built) and interface.svg (side view); with charges: \
                        pedone also pair_coeff.in.\n\n\
                        Example:\n  foreshock interface build examples/interfaces/lso_l2oL.yaml -o cell --seed 7")]
struct Build {
    /// Specification, YAML.
    #[arg(value_name = "SPEC.yaml")]
    spec: PathBuf,
    /// Folder for the files [default: the specification's name without its ending].
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// Seed, instead of the specification's.
    #[arg(long)]
    seed: Option<u64>,
}

/// Runs the command.
///
/// # Errors
/// The specification is faulty, the cell cannot be built, or a file cannot be written.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let Command::Build(request) = args.command;
    let mut spec = Spec::read(&request.spec)?;
    if let Some(seed) = request.seed {
        spec.seed = seed;
    }
    let folder = match request.output {
        Some(folder) => folder,
        None => PathBuf::from(request.spec.file_stem().unwrap_or("interface".as_ref())),
    };
    let built = build(&spec)?;
    built.write(&folder)?;
    print!("{}", summary(&built));
    println!("files    {}", folder.display());
    Ok(ExitCode::SUCCESS)
}

/// What was built, for the terminal.
fn summary(built: &Built) -> String {
    let report = &built.report;
    let [x, y, z] = report.lengths;
    let tilt =
        if report.tilt_xy.abs() > 1e-6 { format!(", xy {:.3}", report.tilt_xy) } else { String::new() };
    let mut text = format!(
        "{}\ncell     {} atoms, {x:.3} x {y:.3} x {z:.3} angstrom{tilt}, {} of {:.0} square angstrom\n",
        report.title,
        report.atoms,
        if report.interfaces == 1 { "one interface" } else { "two interfaces" },
        report.area,
    );
    text.push_str(&slab("side A", &report.side_a));
    text.push_str(&slab("side B", &report.side_b));
    if let Some(coating) = &report.coating {
        text.push_str(&slab("coating", coating));
    }
    for made in &report.defects {
        text.push_str(&format!(
            "defects  {}: {} on side A, {} on side B\n",
            made.unit, made.side_a, made.side_b
        ));
    }
    if let Some(contact) = &report.closest {
        let [one, other] = contact.elements;
        text.push_str(&format!("contact  {one}-{other} {:.2} angstrom\n", contact.distance));
    }
    text
}

fn slab(name: &str, slab: &SlabReport) -> String {
    let composition: Vec<String> = slab.composition.iter().map(|(e, n)| format!("{e} {n}")).collect();
    let [xx, yy, xy] = slab.strain_percent;
    let shear = if xy.abs() > 1e-4 { format!(", shear {xy:+.2} %") } else { String::new() };
    let zz = slab.strain_z_percent;
    let along = if zz.abs() > 1e-4 { format!(", along z {zz:+.2} %") } else { String::new() };
    format!(
        "{name:<8} {} ({}), {}, {} layers of {:.1} angstrom, atoms over {:.1}, \
         strain {xx:+.2} % and {yy:+.2} %{shear}{along}, cut at {:.3} through {} network bonds\n",
        slab.crystal,
        slab.orientation,
        composition.join(" "),
        slab.layers,
        slab.thickness,
        slab.extent,
        slab.termination,
        slab.cut_bonds,
    )
}
