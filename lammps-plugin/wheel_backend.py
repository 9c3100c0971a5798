"""Packs what `make wheel` has built into a wheel (PEP 517; nothing is compiled here).

Four environment variables say what to pack: FORESHOCK_WHEEL_PLUGIN (foreshockplugin.so),
FORESHOCK_WHEEL_CLI (the program `foreshock`), FORESHOCK_WHEEL_SHARE (a folder whose files go into the
environment's `share`: examples, manual pages, completions) and FORESHOCK_WHEEL_LICENCES (a folder with the
licence texts of everything that is linked into the two). The tag is that of the machine's own Linux;
auditwheel finds the older systems that will do, too.
"""
import base64
import hashlib
import os
import platform
import re
import sys
import zipfile
from pathlib import Path

try:
    import tomllib
except ImportError:
    import tomli as tomllib

HERE = Path(__file__).resolve().parent
PACKAGE = "lammps_plugin_foreshock"
# Wheels are made of the same bytes whenever the contents are: zip's earliest date.
DATE = (1980, 1, 1, 0, 0, 0)


def needed(variable):
    """The path that an environment variable holds."""
    path = Path(os.environ.get(variable, ""))
    if not os.environ.get(variable) or not path.exists():
        sys.exit(f"{variable} = '{path}': expected what `make wheel` builds; start it with that")
    return path


def crate_version():
    """The version in Cargo.toml, the only place where it is written."""
    text = (HERE.parent / "Cargo.toml").read_text()
    return re.search(r'^version = "(.*)"$', text, re.MULTILINE).group(1)


def lammps_pin(dependencies):
    """20250722 of `lammps==2025.7.22.4.0`."""
    pin = next(word for word in dependencies if word.startswith("lammps=="))
    year, month, day = map(int, pin[len("lammps=="):].split(".")[:3])
    return year * 10000 + month * 100 + day


def check_plugin(plugin, dependencies):
    """A plugin for another LAMMPS than the one that pip will install must not be packed."""
    info = re.search(rb"foreshock-plugin-info: crate=(\S+) lammps=(\d+)", plugin)
    built_for = info and int(info.group(2))
    if built_for != lammps_pin(dependencies):
        sys.exit(f"plugin built for LAMMPS {built_for}: expected {lammps_pin(dependencies)}, the release pinned")
    if info.group(1).decode() != crate_version():
        sys.exit(f"plugin of version {info.group(1).decode()}: expected {crate_version()}, as in Cargo.toml")


class Wheel:
    """A wheel under construction: files and the record of them."""

    def __init__(self, path):
        self.file = zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9)
        self.record = []

    def add(self, name, content, mode=0o644):
        """Adds a file with its content as bytes or text."""
        content = content.encode() if isinstance(content, str) else content
        entry = zipfile.ZipInfo(name, DATE)
        entry.external_attr = (0o100000 | mode) << 16
        entry.compress_type = zipfile.ZIP_DEFLATED
        self.file.writestr(entry, content)
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        self.record.append(f"{name},sha256={digest},{len(content)}")

    def close(self, info):
        """Adds the record and ends the file."""
        lines = self.record + [f"{info}/RECORD,,", ""]
        entry = zipfile.ZipInfo(f"{info}/RECORD", DATE)
        entry.external_attr = 0o100644 << 16
        self.file.writestr(entry, "\n".join(lines))
        self.file.close()


def metadata_text(project, version, licences):
    """The file METADATA; its long text is the project's README without pictures, which have no place there."""
    readme = (HERE.parent / "README.md").read_text()
    readme = "".join(line for line in readme.splitlines(True) if not line.startswith("!["))
    lines = [
        "Metadata-Version: 2.4",
        f"Name: {project['name']}",
        f"Version: {version}",
        f"Summary: {project['description']}",
        f"Requires-Python: {project['requires-python']}",
        f"License-Expression: {project['license']}",
        "Description-Content-Type: text/markdown",
    ]
    lines += [f"License-File: {name}" for name in licences]
    lines += [f"Requires-Dist: {dependency}" for dependency in project["dependencies"]]
    return "\n".join(lines) + "\n\n" + readme


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    """PEP 517: writes the wheel and returns its name."""
    del config_settings, metadata_directory
    project = tomllib.loads((HERE / "pyproject.toml").read_text())["project"]
    plugin = needed("FORESHOCK_WHEEL_PLUGIN").read_bytes()
    cli = needed("FORESHOCK_WHEEL_CLI").read_bytes()
    share = needed("FORESHOCK_WHEEL_SHARE")
    check_plugin(plugin, project["dependencies"])

    version = crate_version()
    tag = f"py3-none-linux_{platform.machine()}"
    base = f"{PACKAGE}-{version}"
    name = f"{base}-{tag}.whl"
    wheel = Wheel(Path(wheel_directory) / name)
    for source in sorted((HERE / PACKAGE).glob("*.py")):
        wheel.add(f"{PACKAGE}/{source.name}", source.read_bytes())
    wheel.add(f"{PACKAGE}/lib/foreshockplugin.so", plugin, 0o755)
    wheel.add(f"{base}.data/scripts/foreshock", cli, 0o755)
    for path in sorted(share.rglob("*")):
        if path.is_file():
            wheel.add(f"{base}.data/data/share/{path.relative_to(share)}", path.read_bytes())

    info = f"{base}.dist-info"
    licences = {"LICENSE": HERE.parent / "LICENSE"}
    for path in sorted(needed("FORESHOCK_WHEEL_LICENCES").iterdir()):
        licences[f"linked/{path.name}"] = path
    wheel.add(f"{info}/METADATA", metadata_text(project, version, licences))
    wheel.add(f"{info}/WHEEL", f"Wheel-Version: 1.0\nGenerator: foreshock ({version})\n"
                               f"Root-Is-Purelib: false\nTag: {tag}\n")
    groups = project["entry-points"].items()
    wheel.add(f"{info}/entry_points.txt", "\n".join(
        f"[{group}]\n" + "".join(f"{key} = {value}\n" for key, value in points.items())
        for group, points in groups))
    for licence, path in licences.items():
        wheel.add(f"{info}/licenses/{licence}", path.read_bytes())
    wheel.close(info)
    return name


if __name__ == "__main__":
    print(Path(sys.argv[1]) / build_wheel(sys.argv[1]))
