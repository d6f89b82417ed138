//! How much one request may ask for: the bounds of MLflow's server, with its messages.

use async_graphql::parser::types::{ExecutableDocument, Selection, SelectionSet};

const MAX_DEPTH: usize = 10;
const MAX_SELECTIONS: usize = 1000;
const MAX_ROOT_FIELDS: usize = 10;
const MAX_ALIASES: usize = 10;

/// What is wrong with the size of a request; none when nothing is.
pub(super) fn exceeded(document: &ExecutableDocument) -> Option<String> {
    let (mut root_fields, mut aliases, mut selections) = (0, 0, 0);
    let operations = document.operations.iter().map(|(_, operation)| &operation.node.selection_set.node);
    let fragments = document.fragments.values().map(|fragment| &fragment.node.selection_set.node);
    let mut rest: Vec<(&SelectionSet, usize)> = operations.chain(fragments).map(|set| (set, 1)).collect();
    while let Some((set, depth)) = rest.pop() {
        if depth > MAX_DEPTH {
            return Some(format!("Query exceeds maximum depth of {MAX_DEPTH}"));
        }
        let mut named = 0;
        for selection in &set.items {
            let inner = match &selection.node {
                Selection::Field(field) => {
                    root_fields += usize::from(depth == 1);
                    named += usize::from(field.node.alias.is_some());
                    &field.node.selection_set.node
                }
                Selection::InlineFragment(fragment) => &fragment.node.selection_set.node,
                Selection::FragmentSpread(_) => continue,
            };
            if !inner.items.is_empty() {
                rest.push((inner, depth + 1));
            }
            selections += 1;
            if selections > MAX_SELECTIONS {
                return Some(format!("Query exceeds maximum total selections of {MAX_SELECTIONS}"));
            }
        }
        aliases = aliases.max(named);
    }
    if root_fields > MAX_ROOT_FIELDS {
        return Some(too_many("root fields", root_fields, MAX_ROOT_FIELDS));
    }
    (aliases > MAX_ALIASES).then(|| too_many("aliases", aliases, MAX_ALIASES))
}

fn too_many(what: &str, found: usize, most: usize) -> String {
    format!("GraphQL queries should have at most {most} {what}, got {found} {what}.")
}
