//! `config FILE.yaml`: a mapping with the keywords of the fix line as keys.
//!
//! A value is written as on the fix line (`baseline: 2 5`) or, where there are several, as a list
//! (`baseline: [2, 5]`, `cutoff: [[1, 2, 2.4], [2, 2, 3.1]]`). Units are those of the run. What
//! leaves is the same as from the line, so that one piece of code checks both.

use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer, EnumAccess, MapAccess, SeqAccess, Visitor};

use super::args::ArgError;
use super::keyword::{Arity, Given, Keyword, Place};

/// Largest file that is still taken for a configuration, bytes.
const MAX_BYTES: u64 = 1 << 20;

/// Reads the file's settings; `word` is the index of its name on the fix line.
///
/// # Errors
/// [`ArgError`] at `word` that names the file and, where it can be told, the line.
pub(super) fn read(file: &str, word: usize) -> Result<Vec<Given>, ArgError> {
    let text = load(file).map_err(|message| ArgError::fix(word, &format!("{file}: {message}")))?;
    let place = |line: Option<usize>| Place::File { word, name: file.to_owned(), line };
    let fail = |line: Option<usize>, message: &str| {
        let at = line.map_or(String::new(), |l| format!(" line {l}"));
        ArgError::fix(word, &format!("{file}{at}: {message}"))
    };
    let document: Node = serde_yaml::from_str(&text).map_err(|error| {
        let line = error.location().map(|l| l.line());
        fail(line, &format!("expected YAML: {}", without_location(&error.to_string())))
    })?;
    let entries = match document {
        Node::Map(entries) => entries,
        Node::Null => return Err(fail(None, "the file is empty, expected 'keyword: value' lines")),
        other => {
            let message = format!("found {}, expected 'keyword: value' lines", other.kind());
            return Err(fail(None, &message));
        }
    };

    let mut given: Vec<Given> = Vec::new();
    for (key, node) in entries {
        let occurrence = usize::from(given.iter().any(|g| g.keyword.name() == key));
        let line = line_of(&text, &key, occurrence);
        let Some(keyword) = Keyword::parse(&key) else {
            return Err(fail(line, &Keyword::unknown(&key, Keyword::ALL)));
        };
        if occurrence > 0 {
            return Err(fail(line, &format!("{key} is given twice, expected once")));
        }
        let values = words(keyword, &node).map_err(|found| {
            fail(line, &format!("{key}: expected '{key}: {}', found {found}", keyword.usage()))
        })?;
        given.push(Given { keyword, values, place: place(line) });
    }
    Ok(given)
}

/// The file's text.
fn load(file: &str) -> Result<String, String> {
    let cannot = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
        _ => format!("cannot be read: {error}"),
    };
    let meta = std::fs::metadata(file).map_err(cannot)?;
    if !meta.is_file() {
        return Err("expected a file, found something else".to_owned());
    }
    if meta.len() > MAX_BYTES {
        return Err(format!("{} bytes are too many for a configuration, expected a YAML file", meta.len()));
    }
    let bytes = std::fs::read(file).map_err(cannot)?;
    String::from_utf8(bytes).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = 1 + valid.iter().filter(|b| **b == b'\n').count();
        format!("expected UTF-8 text, line {line} is not")
    })
}

/// The words a value stands for, or what was found instead.
fn words(keyword: Keyword, node: &Node) -> Result<Vec<String>, String> {
    match (keyword.arity(), node) {
        (_, Node::Null) => Err("no value".to_owned()),
        (_, Node::Map(_)) => Err(node.kind().to_owned()),
        (Arity::One | Arity::Types, Node::Scalar(text)) => Ok(vec![text.clone()]),
        (_, Node::Scalar(text)) => Ok(text.split_whitespace().map(str::to_owned).collect()),
        (Arity::One, Node::List(_)) => Err(node.kind().to_owned()),
        (Arity::Types, Node::List(items)) => Ok(vec![scalars(items)?.join(",")]),
        // One level of nesting, for lists of triples.
        (Arity::Cutoff, Node::List(items)) => {
            let mut flat = Vec::new();
            for item in items {
                match item {
                    Node::List(inner) if inner.len() == 3 => flat.extend(scalars(inner)?),
                    Node::List(inner) => return Err(format!("a list of {} inside the list", inner.len())),
                    other => flat.extend(scalars(std::slice::from_ref(other))?),
                }
            }
            Ok(flat)
        }
        (_, Node::List(items)) => scalars(items),
    }
}

fn scalars(items: &[Node]) -> Result<Vec<String>, String> {
    items
        .iter()
        .map(|item| match item {
            Node::Scalar(text) => Ok(text.clone()),
            other => Err(format!("{} inside a list", other.kind())),
        })
        .collect()
}

/// The line, from 1, on which a top-level key stands in block style: the `skip`-th such line.
fn line_of(text: &str, key: &str, skip: usize) -> Option<usize> {
    let is_key = |line: &str| {
        let line = line.trim_start();
        let quoted = |q: char| line.strip_prefix(q)?.strip_prefix(key)?.strip_prefix(q);
        let rest = line.strip_prefix(key).or_else(|| quoted('"')).or_else(|| quoted('\''));
        rest.is_some_and(|r| r.trim_start().starts_with(':'))
    };
    text.lines().enumerate().filter(|(_, line)| is_key(line)).nth(skip).map(|(index, _)| index + 1)
}

/// The library's message without its trailing position, which is told separately.
fn without_location(message: &str) -> &str {
    match message.rfind(" at line ") {
        Some(end) if message[end..].chars().all(|c| c.is_ascii_alphanumeric() || c == ' ') => &message[..end],
        _ => message,
    }
}

/// A YAML value with its repeated keys kept.
#[derive(Debug)]
enum Node {
    Null,
    Scalar(String),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
}

impl Node {
    fn kind(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Scalar(_) => "a single value",
            Self::List(_) => "a list",
            Self::Map(_) => "a mapping",
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a value, a list or a mapping")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    /// An empty document.
    fn visit_none<E: de::Error>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    /// A tagged value (`!name value`).
    fn visit_enum<A: EnumAccess<'de>>(self, _: A) -> Result<Node, A::Error> {
        Err(de::Error::custom("found a tag (!), expected a plain value"))
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Scalar(value.to_string()))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Scalar(value.to_string()))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Scalar(value.to_string()))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Node, E> {
        // Debug keeps the point of 64.0, which is not an integer.
        Ok(Node::Scalar(format!("{value:?}")))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Scalar(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Node, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Node::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut entries = Vec::new();
        while let Some((key, value)) = map.next_entry::<Node, Node>()? {
            match key {
                Node::Scalar(key) => entries.push((key, value)),
                other => {
                    let found = other.kind();
                    return Err(de::Error::custom(format!("expected a keyword as key, found {found}")));
                }
            }
        }
        Ok(Node::Map(entries))
    }
}
