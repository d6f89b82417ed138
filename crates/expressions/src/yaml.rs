//! YAML files that people write, as a tree in which every value knows its line and column.
//!
//! Serde's derive stops at the first misfit and names a Rust type; a person needs the place, what was
//! expected there and what to do. So the readers of contracts, test batteries and similar files walk
//! a [`Node`] tree and report a [`Fault`]; [`Fault::in_file`] makes it a [`SourceError`], which prints
//! as `file:line:column: message`.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;

/// The largest number of YAML nodes a file may hold: enough for any contract, too few for a bomb.
const MAX_NODES: usize = 50_000;

/// A place in a text file; both numbers count from 1, and 0 means unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Position {
    /// Line, from 1.
    pub line: u64,
    /// Column in characters, from 1.
    pub column: u64,
}

/// What is wrong at a place, before the file's name is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Where.
    pub at: Position,
    /// What is wrong and what was expected.
    pub message: String,
    /// What to do about it.
    pub hint: String,
}

impl Fault {
    /// A fault at `at`.
    pub fn new(at: Position, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { at, message: message.into(), hint: hint.into() }
    }

    /// The same fault, in the file it was found in.
    #[must_use]
    pub fn in_file(self, file: &Path) -> SourceError {
        SourceError { file: file.to_path_buf(), at: self.at, message: self.message, hint: self.hint }
    }
}

/// A file that cannot be accepted: `file:line:column: message`, with a hint apart.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}:{}:{}: {message}", file.display(), at.line, at.column)]
pub struct SourceError {
    /// The file as it was named by the caller.
    pub file: PathBuf,
    /// Where in the file.
    pub at: Position,
    /// What is wrong and what was expected.
    pub message: String,
    /// What to do about it.
    pub hint: String,
}

/// A YAML value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// First character of the value.
    pub at: Position,
    /// The value.
    pub value: Value,
}

/// The value of a [`Node`].
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `null`, `~` or nothing.
    Null,
    /// `true` or `false` (not `yes`, `on`).
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// A number with a fraction or exponent.
    Float(f64),
    /// Text.
    Text(String),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping, in the order of the file.
    Map(Mapping),
}

/// A mapping from text keys to nodes, in the order of the file.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Mapping {
    /// Where the mapping begins.
    pub at: Position,
    /// Key, the key's place, value.
    pub entries: Vec<(String, Position, Node)>,
}

/// Reads one YAML document. `yes` and `on` are text; a key given twice is refused.
///
/// # Errors
/// A [`Fault`] at the place where the text stops being YAML, or where it grows beyond 50,000 nodes.
pub fn parse(text: &str) -> Result<Node, Fault> {
    let options = serde_saphyr::options! {
        strict_booleans: true,
        budget: serde_saphyr::budget! { max_nodes: MAX_NODES },
    };
    serde_saphyr::from_str_with_options::<Node>(text, options).map_err(|error| {
        let at = error
            .location()
            .map_or_else(Position::default, |place| Position { line: place.line(), column: place.column() });
        let text = error.without_snippet().to_string();
        let message = text.lines().next().unwrap_or("not readable as YAML").trim();
        let message = message.strip_prefix("error: ").unwrap_or(message);
        // The place is given apart.
        let message = message.split(" at line ").next().unwrap_or(message);
        Fault::new(
            at,
            format!("not valid YAML: {message}"),
            "check the indentation and the quotes of this line and the one above",
        )
    })
}

impl Node {
    /// A word for the kind of value, as an error message names it.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self.value {
            Value::Null => "nothing",
            Value::Bool(_) => "a boolean",
            Value::Integer(_) | Value::Float(_) => "a number",
            Value::Text(_) => "text",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
        }
    }

    /// Whether the value is null or absent.
    #[must_use]
    pub fn is_null(&self) -> bool {
        self.value == Value::Null
    }

    /// The fault "`what` must be `wanted`, not ...".
    #[must_use]
    pub fn unlike(&self, what: &str, wanted: &str) -> Fault {
        Fault::new(
            self.at,
            format!("`{what}` must be {wanted}, not {}", self.kind()),
            format!("write {wanted} here"),
        )
    }

    /// The text of this node.
    ///
    /// # Errors
    /// A fault naming `what` if it is not text.
    pub fn text(&self, what: &str) -> Result<&str, Fault> {
        match &self.value {
            Value::Text(text) => Ok(text),
            _ => Err(self.unlike(what, "text")),
        }
    }

    /// The text of this node, with numbers and booleans as they would be written.
    ///
    /// # Errors
    /// A fault naming `what` for null, lists and mappings.
    pub fn scalar(&self, what: &str) -> Result<String, Fault> {
        match &self.value {
            Value::Text(text) => Ok(text.clone()),
            Value::Integer(number) => Ok(number.to_string()),
            Value::Float(number) => Ok(number.to_string()),
            Value::Bool(flag) => Ok(flag.to_string()),
            _ => Err(self.unlike(what, "text or a number")),
        }
    }

    /// The number of this node; never NaN or infinite.
    ///
    /// # Errors
    /// A fault naming `what` if it is not a finite number.
    pub fn number(&self, what: &str) -> Result<f64, Fault> {
        match self.value {
            Value::Integer(number) => Ok(number as f64),
            Value::Float(number) if number.is_finite() => Ok(number),
            Value::Float(_) => Err(self.unlike(what, "a finite number")),
            _ => Err(self.unlike(what, "a number")),
        }
    }

    /// The whole number >= 0 of this node.
    ///
    /// # Errors
    /// A fault naming `what` if it is anything else.
    pub fn count(&self, what: &str) -> Result<u64, Fault> {
        match self.value {
            Value::Integer(number) => {
                u64::try_from(number).map_err(|_| self.unlike(what, "a whole number from 0"))
            }
            _ => Err(self.unlike(what, "a whole number from 0")),
        }
    }

    /// The boolean of this node.
    ///
    /// # Errors
    /// A fault naming `what` if it is not `true` or `false`.
    pub fn boolean(&self, what: &str) -> Result<bool, Fault> {
        match self.value {
            Value::Bool(flag) => Ok(flag),
            _ => Err(self.unlike(what, "true or false")),
        }
    }

    /// The items of this node.
    ///
    /// # Errors
    /// A fault naming `what` if it is not a list.
    pub fn list(&self, what: &str) -> Result<&[Self], Fault> {
        match &self.value {
            Value::List(items) => Ok(items),
            _ => Err(self.unlike(what, "a list")),
        }
    }

    /// The mapping of this node.
    ///
    /// # Errors
    /// A fault naming `what` if it is not a mapping.
    pub fn map(&self, what: &str) -> Result<&Mapping, Fault> {
        match &self.value {
            Value::Map(mapping) => Ok(mapping),
            _ => Err(self.unlike(what, "a mapping of names to values")),
        }
    }

    /// The value that this node's text names in `table`.
    ///
    /// # Errors
    /// A fault that lists the names, with the nearest one as the hint.
    pub fn one_of<T: Copy>(&self, what: &str, table: &[(&str, T)]) -> Result<T, Fault> {
        let text = self.text(what)?;
        let names: Vec<&str> = table.iter().map(|(name, _)| *name).collect();
        table
            .iter()
            .find(|(name, _)| *name == text)
            .map(|(_, value)| *value)
            .ok_or_else(|| unknown(self.at, what, text, &names))
    }
}

impl Mapping {
    /// The value of `key`, unless it is absent or null.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entries.iter().find(|(name, _, node)| name == key && !node.is_null()).map(|(_, _, node)| node)
    }

    /// The value of `key`.
    ///
    /// # Errors
    /// A fault at the mapping if the key is absent or null.
    pub fn require(&self, key: &str, what: &str) -> Result<&Node, Fault> {
        self.get(key).ok_or_else(|| {
            Fault::new(self.at, format!("{what} has no `{key}`"), format!("add a line `{key}: ...`"))
        })
    }

    /// Refuses keys that are not among `known`.
    ///
    /// # Errors
    /// A fault at the first unknown key, with the nearest known one as the hint.
    pub fn deny_unknown(&self, what: &str, known: &[&str]) -> Result<(), Fault> {
        match self.entries.iter().find(|(name, _, _)| !known.contains(&name.as_str())) {
            None => Ok(()),
            Some((name, at, _)) => Err(unknown(*at, what, name, known)),
        }
    }
}

/// More names than this go to the hint, or nowhere if one of them is near.
const NAMES_IN_MESSAGE: usize = 10;

/// The fault "unknown `what` `given`; expected one of ...", with the nearest name as the hint.
#[must_use]
pub fn unknown(at: Position, what: &str, given: &str, known: &[&str]) -> Fault {
    let names = known.join(", ");
    let message = match known.len() {
        0 => format!("unknown {what} `{given}`; expected none"),
        1..=NAMES_IN_MESSAGE => format!("unknown {what} `{given}`; expected one of {names}"),
        _ => format!("unknown {what} `{given}`"),
    };
    let hint = match nearest(given, known) {
        Some(name) => format!("did you mean `{name}`?"),
        None if known.is_empty() => "remove it".to_owned(),
        None => format!("use one of {names}"),
    };
    Fault::new(at, message, hint)
}

/// The known name that is at most a third of its length away from `given` (edit distance).
fn nearest<'a>(given: &str, known: &[&'a str]) -> Option<&'a str> {
    known
        .iter()
        .map(|name| (edit_distance(&given.to_lowercase(), &name.to_lowercase()), *name))
        .filter(|(distance, name)| *distance <= name.len().div_ceil(3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// Levenshtein distance in characters.
fn edit_distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in right.iter().enumerate() {
            let substituted = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[right.len()]
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<Bare>::deserialize(deserializer)?;
        let at = Position { line: spanned.referenced.line(), column: spanned.referenced.column() };
        let mut value = spanned.value.0;
        if let Value::Map(mapping) = &mut value {
            mapping.at = at;
        }
        Ok(Self { at, value })
    }
}

/// A value whose own place is not known yet.
struct Bare(Value);

impl<'de> Deserialize<'de> for Bare {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(BareVisitor).map(Self)
    }
}

struct BareVisitor;

impl<'de> Visitor<'de> for BareVisitor {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a YAML value")
    }

    fn visit_bool<E: de::Error>(self, flag: bool) -> Result<Value, E> {
        Ok(Value::Bool(flag))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Integer(number))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Value, E> {
        Ok(i64::try_from(number).map_or(Value::Float(number as f64), Value::Integer))
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Value, E> {
        Ok(Value::Float(number))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E: de::Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element::<Node>()? {
            list.push(item);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(key) = map.next_key::<Spanned<String>>()? {
            let at = Position { line: key.referenced.line(), column: key.referenced.column() };
            entries.push((key.value, at, map.next_value::<Node>()?));
        }
        Ok(Value::Map(Mapping { at: Position::default(), entries }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_knows_its_place() {
        let node = parse("name: flights\nrows:\n  - {min: 1, share: 0.5, on: yes}\n").unwrap();
        let map = node.map("file").unwrap();
        let rows = map.require("rows", "file").unwrap().list("rows").unwrap();
        let first = rows[0].map("row").unwrap();
        assert_eq!(first.at, Position { line: 3, column: 5 });
        assert_eq!(first.get("min").unwrap().at, Position { line: 3, column: 11 });
        assert_eq!(first.get("min").unwrap().count("min"), Ok(1));
        assert_eq!(first.get("share").unwrap().number("share"), Ok(0.5));
        assert_eq!(first.get("on").unwrap().text("on"), Ok("yes"));
    }

    #[test]
    fn an_unknown_key_is_refused_with_the_nearest_name() {
        let node = parse("a: 1\nnulValues: 2\n").unwrap();
        let fault = node
            .map("rule")
            .unwrap()
            .deny_unknown("quality metric", &["a", "nullValues", "rowCount"])
            .unwrap_err();
        let error = fault.in_file(Path::new("contracts/x.yaml"));
        assert_eq!(
            error.to_string(),
            "contracts/x.yaml:2:1: unknown quality metric `nulValues`; expected one of a, nullValues, rowCount"
        );
        assert_eq!(error.hint, "did you mean `nullValues`?");
    }

    #[test]
    fn broken_yaml_names_line_and_column() {
        let fault = parse("a: [1, 2\nb: 3\n").unwrap_err();
        assert!(fault.at.line >= 1, "{fault:?}");
        let fault = parse("a: 1\na: 2\n").unwrap_err();
        assert_eq!(fault.at.line, 2);
        assert!(fault.message.contains("duplicate"), "{fault:?}");
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in ".{0,200}") {
            let _ = parse(&text);
        }
    }
}
