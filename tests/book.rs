//! The documentation as a book: every page is in its table of contents, and every link leads somewhere.
//! `make book` builds it; nothing here needs the network.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// All pages: those of the book, and the Markdown files that it links to or includes.
fn pages() -> Vec<PathBuf> {
    let mut pages: Vec<PathBuf> = ["README.md", "ARCHITECTURE.md", "CHANGELOG.md", "examples/README.md"]
        .iter()
        .map(|name| root().join(name))
        .collect();
    for entry in std::fs::read_dir(root().join("docs")).expect("the documentation").flatten() {
        if entry.path().extension().is_some_and(|extension| extension == "md") {
            pages.push(entry.path());
        }
    }
    pages
}

fn read(page: &Path) -> String {
    let text = std::fs::read_to_string(page).unwrap_or_else(|error| panic!("{}: {error}", page.display()));
    // An included page is part of the page; included source code has no links of ours.
    match text.trim().strip_prefix("{{#include ").and_then(|rest| rest.strip_suffix("}}")) {
        Some(included) => read(&page.parent().expect("a file has a folder").join(included)),
        None => text,
    }
}

/// Lines outside of code blocks, without code spans.
fn prose(text: &str) -> String {
    let mut fenced = false;
    let mut out = String::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if !fenced && !line.starts_with("    ") {
            for (at, part) in line.split('`').enumerate() {
                out.push_str(if at % 2 == 0 { part } else { "" });
            }
            out.push('\n');
        }
    }
    out
}

/// Targets of `[text](target)`, pictures included.
fn links(text: &str) -> Vec<String> {
    let prose = prose(text);
    let ends = prose.match_indices("](").map(|(at, mark)| at + mark.len());
    ends.map(|start| {
        let rest = &prose[start..];
        rest[..rest.find(')').unwrap_or_else(|| panic!("a link without end: {:.60}", rest))].to_owned()
    })
    .collect()
}

/// Anchors of a page's headings, as mdBook and GitHub make them.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut fenced = false;
    let mut anchors = BTreeSet::new();
    for line in text.lines() {
        fenced ^= line.trim_start().starts_with("```");
        if !fenced && line.starts_with('#') {
            let title = line.trim_start_matches('#').trim().to_lowercase();
            let kept = title.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
            anchors.insert(kept.map(|c| if c == ' ' { '-' } else { c }).collect());
        }
    }
    anchors
}

/// Resolves `..` without asking the file system.
fn clean(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                out.pop();
            }
            Component::CurDir => {}
            part => out.push(part),
        }
    }
    out
}

#[test]
fn every_link_leads_somewhere() {
    let texts: BTreeMap<PathBuf, String> =
        pages().into_iter().map(|page| (page.clone(), read(&page))).collect();
    let mut broken = Vec::new();
    let mut inside = 0;
    for (page, text) in &texts {
        for link in links(text) {
            if let Some(rest) = link.strip_prefix("https://") {
                let host = rest.split('/').next().unwrap_or_default();
                if !host.contains('.') || link.contains(char::is_whitespace) {
                    broken.push(format!("{}: {link}: no address", page.display()));
                }
                continue;
            }
            inside += 1;
            let (file, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let folder = page.parent().expect("a file has a folder");
            let target = if file.is_empty() { page.clone() } else { clean(&folder.join(file)) };
            // The book holds nothing else than docs.
            if page.starts_with(root().join("docs")) && !target.starts_with(root().join("docs")) {
                broken.push(format!("{}: {link}: leads out of the book", page.display()));
            } else if !target.exists() {
                broken.push(format!("{}: {link}: no such file", page.display()));
            } else if !anchor.is_empty()
                && !anchors(&texts.get(&target).cloned().unwrap_or_default()).contains(anchor)
            {
                broken.push(format!("{}: {link}: no such heading", page.display()));
            }
        }
    }
    assert!(inside > 30, "only {inside} links were found");
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn every_page_is_in_the_table_of_contents_once() {
    let summary = read(&root().join("docs/SUMMARY.md"));
    let listed = links(&summary);
    let mut unique = listed.clone();
    unique.sort();
    unique.dedup();
    assert_eq!(unique.len(), listed.len(), "a page twice: {listed:?}");
    for page in pages().iter().filter(|page| page.parent() == Some(&root().join("docs"))) {
        let name = page.file_name().and_then(|name| name.to_str()).expect("plain names");
        assert!(
            name == "SUMMARY.md" || unique.iter().any(|link| link == name),
            "docs/SUMMARY.md lacks {name}"
        );
    }
}

#[test]
fn the_checks_find_what_is_broken() {
    assert_eq!(links("see [a](b.md#c) and `[x](y)`\n```\n[q](z)\n```\n![p](i.png)"), ["b.md#c", "i.png"]);
    let found = anchors(
        "# Restart, fix_modify, output, run start/stop, minimize info\n```\n# no\n```\n## `mode` or not?",
    );
    let expected = ["mode-or-not", "restart-fix_modify-output-run-startstop-minimize-info"];
    assert_eq!(found.iter().map(String::as_str).collect::<Vec<_>>(), expected);
    assert_eq!(clean(Path::new("/a/docs/../src/./x.rs")), Path::new("/a/src/x.rs"));
}
