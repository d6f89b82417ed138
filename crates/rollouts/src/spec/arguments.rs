//! Arguments of analyses: `{{args.name}}` in a template.

use mainspring_expressions::yaml::{Fault, Mapping, Node, Position, Value};

/// A value that is only known while a rollout is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuntimeArgument {
    /// The version on trial (`podTemplateHashValue: Latest`).
    Latest,
    /// The version in charge (`podTemplateHashValue: Stable`).
    Stable,
}

/// What an argument stands for.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Argument {
    Text(String),
    Runtime(RuntimeArgument),
    /// Declared by the template, given by nobody.
    Missing,
}

/// Arguments by name.
#[derive(Clone, Debug, Default)]
pub(super) struct Arguments(Vec<(String, Argument)>);

impl Arguments {
    /// Reads a list of arguments. `rollout` is where field references look.
    pub(super) fn read(items: &[Node], rollout: &Node) -> Result<Self, Fault> {
        let mut arguments = Self::default();
        for item in items {
            let map = item.map("argument")?;
            map.deny_unknown("field of an argument", &["name", "value", "valueFrom"])?;
            let name = map.require("name", "the argument")?.scalar("name")?;
            let argument = match (map.get("value"), map.get("valueFrom")) {
                (Some(value), _) => Argument::Text(value.scalar("value")?),
                (None, Some(from)) => value_from(from.map("valueFrom")?, rollout)?,
                (None, None) => Argument::Missing,
            };
            arguments.0.push((name, argument));
        }
        Ok(arguments)
    }

    /// The template's own arguments with what was given for them.
    pub(super) fn given(mut self, given: &Self) -> Self {
        for (name, argument) in &mut self.0 {
            if let Some((_, value)) = given.0.iter().find(|(other, _)| other == name) {
                *argument = value.clone();
            }
        }
        self
    }

    /// A text with its arguments filled in; runtime ones stay as `{{args.name}}`.
    pub(super) fn fill(&self, text: &str, at: Position) -> Result<String, Fault> {
        let mut filled = String::new();
        let mut rest = text;
        while let Some(start) = rest.find("{{") {
            let Some(length) = rest[start..].find("}}") else { break };
            let inside = rest[start + 2..start + length].trim();
            filled.push_str(&rest[..start]);
            let value =
                inside.strip_prefix("args.").map(|name| self.0.iter().find(|(known, _)| known == name));
            match value {
                Some(Some((_, Argument::Text(value)))) => filled.push_str(value),
                Some(Some((name, Argument::Runtime(_)))) => filled.push_str(&format!("{{{{args.{name}}}}}")),
                _ => {
                    return Err(Fault::new(
                        at,
                        format!("failed to resolve {{{{{inside}}}}}"),
                        "give the argument a `value` where the analysis names the template",
                    ));
                }
            }
            rest = &rest[start + length + 2..];
        }
        filled.push_str(rest);
        Ok(filled)
    }

    /// The arguments that are filled in while the rollout is under way.
    pub(super) fn runtime(&self) -> Vec<(String, RuntimeArgument)> {
        let runtime = self.0.iter().filter_map(|(name, argument)| match argument {
            Argument::Runtime(argument) => Some((name.clone(), *argument)),
            _ => None,
        });
        runtime.collect()
    }
}

fn value_from(map: &Mapping, rollout: &Node) -> Result<Argument, Fault> {
    let known = ["podTemplateHashValue", "fieldRef", "secretKeyRef"];
    map.deny_unknown("field of `valueFrom`", &known)?;
    if let Some(node) = map.get("podTemplateHashValue") {
        let table = [("Latest", RuntimeArgument::Latest), ("Stable", RuntimeArgument::Stable)];
        return Ok(Argument::Runtime(node.one_of("podTemplateHashValue", &table)?));
    }
    if let Some(node) = map.get("fieldRef") {
        let path = node.map("fieldRef")?.require("fieldPath", "`fieldRef`")?;
        let found = field_path(rollout, path.text("fieldPath")?);
        return found
            .map(Argument::Text)
            .map_err(|message| Fault::new(path.at, message, "name a field that the manifest has"));
    }
    let at = map.get("secretKeyRef").map_or(map.at, |node| node.at);
    Err(Fault::new(
        at,
        "arguments from Kubernetes secrets are not supported",
        "write a `value`, or leave the argument out of the query",
    ))
}

/// The text at a path like `metadata.labels.app` or `status.pauseConditions[0].reason`.
///
/// # Errors
/// Argo Rollouts' messages for a path that leads nowhere.
pub fn field_path(rollout: &Node, path: &str) -> Result<String, String> {
    let invalid = || format!("invalid path {path} in rollout");
    let mut node = rollout;
    for part in path.split('.') {
        let (name, index) = match part.split_once('[') {
            None => (part, None),
            Some((name, rest)) => {
                let index = rest.strip_suffix(']').and_then(|index| index.parse::<usize>().ok());
                (name, Some(index.ok_or_else(invalid)?))
            }
        };
        let Value::Map(map) = &node.value else { return Err(invalid()) };
        node = map.get(name).ok_or_else(invalid)?;
        if let Some(index) = index {
            let Value::List(items) = &node.value else { return Err(invalid()) };
            node = items.get(index).ok_or_else(|| format!("index {index} out of range"))?;
        }
    }
    node.scalar(path).map_err(|_| invalid())
}
