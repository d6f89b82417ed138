//! Who may take part, by what is known of a unit.

use super::grouping::word;
use mainspring_expressions::yaml::{Fault, Node, Value};
use serde_json::{Map, Value as Json};

/// Conditions on attributes; all must hold. An attribute that is not known fulfils none.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Targeting(Vec<Condition>);

#[derive(Clone, Debug, PartialEq)]
struct Condition {
    attribute: String,
    kind: Kind,
}

#[derive(Clone, Debug, PartialEq)]
enum Kind {
    In(Vec<String>),
    NotIn(Vec<String>),
    AtLeast(f64),
    Below(f64),
}

const KEYS: [&str; 5] = ["attribute", "in", "not_in", "at_least", "below"];
const MOST: usize = 32;

impl Targeting {
    /// Reads `where`: a list of conditions, each on one attribute.
    ///
    /// # Errors
    /// At the place of what is not understood.
    pub(super) fn parse(node: &Node) -> Result<Self, Fault> {
        let items = node.list("`where`")?;
        if items.len() > MOST {
            return Err(Fault::new(node.at, format!("more than {MOST} conditions"), "leave some out"));
        }
        let mut conditions = Vec::new();
        for item in items {
            let map = item.map("a condition")?;
            map.deny_unknown("key of a condition", &KEYS)?;
            let attribute = map.require("attribute", "the condition")?.text("attribute")?.to_owned();
            let before = conditions.len();
            for (key, _, node) in &map.entries {
                let kind = match key.as_str() {
                    "in" => Kind::In(texts(node)?),
                    "not_in" => Kind::NotIn(texts(node)?),
                    "at_least" => Kind::AtLeast(node.number("at_least")?),
                    "below" => Kind::Below(node.number("below")?),
                    _ => continue,
                };
                conditions.push(Condition { attribute: attribute.clone(), kind });
            }
            if conditions.len() == before {
                return Err(Fault::new(
                    item.at,
                    format!("the condition on `{attribute}` compares with nothing"),
                    "add `in`, `not_in`, `at_least` or `below`",
                ));
            }
        }
        Ok(Self(conditions))
    }

    /// Whether a unit with these attributes may take part.
    #[must_use]
    pub fn admits(&self, attributes: &Map<String, Json>) -> bool {
        self.0.iter().all(|condition| {
            let Some(found) = attributes.get(&condition.attribute).filter(|found| !found.is_null()) else {
                return false;
            };
            match &condition.kind {
                Kind::In(texts) => texts.contains(&word(found)),
                Kind::NotIn(texts) => !texts.contains(&word(found)),
                Kind::AtLeast(limit) => found.as_f64().is_some_and(|number| number >= *limit),
                Kind::Below(limit) => found.as_f64().is_some_and(|number| number < *limit),
            }
        })
    }
}

fn texts(node: &Node) -> Result<Vec<String>, Fault> {
    match &node.value {
        Value::List(items) => items.iter().map(|item| item.scalar("a value")).collect(),
        _ => Ok(vec![node.scalar("a value")?]),
    }
}
