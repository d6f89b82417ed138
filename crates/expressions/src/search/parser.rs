//! From tokens to comparisons.

use super::kinds::EntityKind;
use super::tokens::{Kind, Token, tokens};
use super::{Comparison, Entity, FilterError, Operand, Operator, OrderBy};

/// Comparisons that one filter may have: a database takes only so deep an expression.
const MOST_COMPARISONS: usize = 200;

const DATASET_KEYS: [&str; 3] = ["context", "digest", "name"];

/// Reads a filter string; an empty one holds no comparison.
///
/// # Errors
/// [`FilterError`] in MLflow's words.
pub fn parse_filter(text: &str, kind: EntityKind) -> Result<Vec<Comparison>, FilterError> {
    comparisons(text, |tokens| comparison(tokens, kind))
}

/// Reads comparisons joined by AND, each with `read`, which gives what follows it as well.
pub(super) fn comparisons<T>(
    text: &str,
    read: impl for<'t, 'a> Fn(&'t [Token<'a>]) -> Result<(T, &'t [Token<'a>]), FilterError>,
) -> Result<Vec<T>, FilterError> {
    let tokens = tokens(text);
    if tokens.iter().any(|token| token.text == ";") {
        return Err(FilterError::new(format!(
            "Search filter contained multiple expression '{text}'. Provide AND-ed expression list."
        )));
    }
    let mut rest = tokens.as_slice();
    let mut comparisons = Vec::new();
    while !rest.is_empty() {
        if !comparisons.is_empty() {
            rest = match rest {
                // As in MLflow, an AND at the end joins nothing and does no harm.
                [and] if and.is_word("AND") => break,
                [and, after @ ..] if and.is_word("AND") => after,
                _ => return Err(invalid_clause(&rest[..1])),
            };
        }
        let (comparison, after) = read(rest)?;
        comparisons.push(comparison);
        if comparisons.len() > MOST_COMPARISONS {
            return Err(FilterError::new(format!(
                "A search filter can have at most {MOST_COMPARISONS} comparisons."
            )));
        }
        rest = after;
    }
    Ok(comparisons)
}

/// The name and the direction of an `order_by` clause, and whether it goes from low to high.
pub(super) fn order_parts(text: &str) -> Result<(&str, bool), FilterError> {
    let tokens = tokens(text);
    let unparsed = || FilterError::new(format!("Invalid order_by clause '{text}'. Could not be parsed."));
    let (name, direction) = match tokens.as_slice() {
        [name] if name.kind == Kind::Name => (name, None),
        [name, direction] if name.kind == Kind::Name => (name, Some(direction)),
        _ => return Err(unparsed()),
    };
    let ascending = match direction {
        None => true,
        Some(direction) if direction.is_word("ASC") => true,
        Some(direction) if direction.is_word("DESC") => false,
        Some(direction) if direction.kind == Kind::Name => {
            return Err(FilterError::new(format!("Invalid ordering key in order_by clause '{text}'.")));
        }
        Some(_) => return Err(unparsed()),
    };
    Ok((name.text, ascending))
}

/// Reads one `order_by` clause: `metrics.auc DESC`.
///
/// # Errors
/// [`FilterError`] in MLflow's words.
pub fn parse_order_by(text: &str, kind: EntityKind) -> Result<OrderBy, FilterError> {
    let (name, ascending) = order_parts(text)?;
    let (entity, key) = identifier(name, kind, kind.order_keys())?;
    let sortable = match kind {
        EntityKind::Run | EntityKind::LoggedModel => entity != Entity::Dataset,
        EntityKind::Experiment
        | EntityKind::RegisteredModel
        | EntityKind::ModelVersion
        | EntityKind::EvaluationDataset => entity == Entity::Attribute,
    };
    if !sortable {
        return Err(FilterError::new(format!("Invalid order_by entity: {}", entity.name())));
    }
    Ok(OrderBy { entity, key, ascending })
}

/// The comparison at the start of `tokens`, and what follows it.
fn comparison<'t, 'a>(
    tokens: &'t [Token<'a>],
    kind: EntityKind,
) -> Result<(Comparison, &'t [Token<'a>]), FilterError> {
    let [name, after_name @ ..] = tokens else {
        return Err(invalid_clause(tokens));
    };
    let Some((operator, after)) = operator(after_name) else {
        return Err(invalid_clause(tokens));
    };
    if name.kind != Kind::Name {
        return Err(FilterError::new(format!(
            "Invalid comparison clause. Expected 'Identifier' found '{}'",
            name.text
        )));
    }
    let (entity, key) = identifier(name.text, kind, kind.filter_keys())?;
    if matches!(operator, Operator::IsNull | Operator::IsNotNull) {
        if !matches!(entity, Entity::Tag | Entity::Parameter) {
            return Err(FilterError::new(format!(
                "IS NULL / IS NOT NULL is only supported for tags and params, not for '{}' '{key}'",
                entity.name()
            )));
        }
        check_operator(kind, entity, &key, operator)?;
        return Ok((Comparison { entity, key, operator, operand: Operand::None }, after));
    }
    let [value, after @ ..] = after else {
        return Err(invalid_clause(tokens));
    };
    let operand = operand(kind, entity, &key, value)?;
    check_operator(kind, entity, &key, operator)?;
    let is_list = matches!(operand, Operand::Texts(_));
    if is_list != matches!(operator, Operator::In | Operator::NotIn) {
        return Err(invalid_clause(tokens));
    }
    Ok((Comparison { entity, key, operator, operand }, after))
}

/// The operator at the start of `tokens`, one to three words, and what follows it.
pub(super) fn operator<'t, 'a>(tokens: &'t [Token<'a>]) -> Option<(Operator, &'t [Token<'a>])> {
    let words = [
        (&["IS", "NOT", "NULL"][..], Operator::IsNotNull),
        (&["IS", "NULL"], Operator::IsNull),
        (&["NOT", "IN"], Operator::NotIn),
        (&["IN"], Operator::In),
        (&["LIKE"], Operator::Like),
        (&["ILIKE"], Operator::ILike),
        (&["RLIKE"], Operator::RLike),
    ];
    let starts = |words: &[&str]| {
        words.len() <= tokens.len() && words.iter().zip(tokens).all(|(word, token)| token.is_word(word))
    };
    if let Some((words, operator)) = words.into_iter().find(|(words, _)| starts(words)) {
        return Some((operator, &tokens[words.len()..]));
    }
    let (sign, after) = tokens.split_first().filter(|(sign, _)| sign.kind == Kind::Sign)?;
    let operator = match sign.text {
        "=" => Operator::Equal,
        "!=" => Operator::NotEqual,
        ">" => Operator::Greater,
        ">=" => Operator::GreaterOrEqual,
        "<" => Operator::Less,
        _ => Operator::LessOrEqual,
    };
    Some((operator, after))
}

/// Entity and key that `text` names; a name without a prefix is an attribute.
fn identifier(text: &str, kind: EntityKind, attributes: &[&str]) -> Result<(Entity, String), FilterError> {
    let (entity, key) = match text.split_once('.') {
        // A dot inside quotes separates nothing.
        Some((prefix, key)) if !text.starts_with('"') && prefix.matches('`').count() != 1 => {
            (kind.entity(prefix.trim_matches('`'))?, key)
        }
        _ => (Entity::Attribute, text),
    };
    let key = unquoted(key);
    match entity {
        Entity::Attribute => {
            let resolved = kind.resolved(key);
            if !attributes.contains(&resolved) {
                return Err(FilterError::new(format!(
                    "Invalid attribute key '{key}' specified. Valid keys are '{}'",
                    python_set(attributes)
                )));
            }
            Ok((entity, resolved.to_owned()))
        }
        Entity::Dataset if !DATASET_KEYS.contains(&key) => Err(FilterError::new(format!(
            "Invalid dataset key '{key}' specified. Valid keys are '{}'",
            python_set(&DATASET_KEYS)
        ))),
        _ => Ok((entity, key.to_owned())),
    }
}

fn operand(kind: EntityKind, entity: Entity, key: &str, value: &Token<'_>) -> Result<Operand, FilterError> {
    let found = value.text;
    let number = || {
        let parsed = Some(found).filter(|_| value.kind == Kind::Number);
        parsed.and_then(|text| text.parse().ok()).map(Operand::Number)
    };
    match entity {
        Entity::Metric => number().ok_or_else(|| {
            FilterError::new(format!("Expected numeric value type for metric. Found {found}"))
        }),
        Entity::Attribute if kind.is_numeric(key) => number().ok_or_else(|| {
            FilterError::new(format!(
                "Expected numeric value type for numeric attribute: {key}. Found {found}"
            ))
        }),
        Entity::Parameter | Entity::Tag => match value.kind {
            Kind::SingleQuoted | Kind::Name => quoted_text(found),
            _ => Err(FilterError::new(format!(
                "Expected a quoted string value for {} (e.g. 'my-value'). Got value {found}",
                entity.name()
            ))),
        },
        Entity::Attribute | Entity::Dataset => match value.kind {
            Kind::SingleQuoted | Kind::Name => quoted_text(found),
            Kind::List => {
                if entity == Entity::Attribute && !kind.list_keys().contains(&key) {
                    let keys: Vec<String> = kind.list_keys().iter().map(|key| format!("'{key}'")).collect();
                    return Err(FilterError::new(format!(
                        "Only [{}] attributes support comparison with a list of quoted string values.",
                        keys.join(", ")
                    )));
                }
                list(found).map(Operand::Texts)
            }
            _ => {
                let what = if entity == Entity::Dataset { "dataset attributes" } else { "attributes" };
                Err(FilterError::new(format!("Expected a quoted string value for {what}. Got value {found}")))
            }
        },
    }
}

pub(super) fn quoted_text(text: &str) -> Result<Operand, FilterError> {
    let inner = ['\'', '"'].iter().find_map(|quote| {
        text.strip_prefix(*quote)?.strip_suffix(*quote).filter(|inner| !inner.contains(*quote))
    });
    inner.map(|inner| Operand::Text(inner.to_owned())).ok_or_else(|| {
        FilterError::new(format!(
            "Parameter value is either not quoted or unidentified quote types used for string value {text}. \
             Use either single or double quotes."
        ))
    })
}

/// The texts of `('a', "b")`.
pub(super) fn list(text: &str) -> Result<Vec<String>, FilterError> {
    let start = "While parsing a list in the query,";
    let ill_formed = || {
        FilterError::new(format!(
            "{start} expected a non-empty list of string values, but got ill-formed list."
        ))
    };
    let inner = text.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')).ok_or_else(ill_formed)?;
    let mut texts = Vec::new();
    let mut rest = inner.trim();
    if rest.is_empty() {
        return Err(FilterError::new(format!(
            "{start} expected a non-empty list of string values, but got empty list"
        )));
    }
    while let Some(quote) = rest.chars().next() {
        if !matches!(quote, '\'' | '"') {
            return Err(FilterError::new(format!(
                "{start} expected string value, punctuation, or whitespace, but got different type in list: {text}"
            )));
        }
        let (item, after) = rest[1..].split_once(quote).ok_or_else(ill_formed)?;
        texts.push(item.to_owned());
        let after = after.trim_start();
        rest = match after.strip_prefix(',') {
            Some(after) => after.trim_start(),
            None if after.is_empty() => after,
            None => return Err(ill_formed()),
        };
    }
    Ok(texts)
}

fn check_operator(
    kind: EntityKind,
    entity: Entity,
    key: &str,
    operator: Operator,
) -> Result<(), FilterError> {
    let allowed = kind.operators(entity, key);
    if allowed.contains(&operator) {
        return Ok(());
    }
    let names: Vec<&str> = allowed.iter().map(|operator| operator.name()).collect();
    Err(FilterError::new(format!(
        "Invalid comparator '{}' not one of '{}'",
        operator.name(),
        python_set(&names)
    )))
}

pub(super) fn unquoted(key: &str) -> &str {
    let strip = |quote| key.strip_prefix(quote).and_then(|rest: &str| rest.strip_suffix(quote));
    strip('"').or_else(|| strip('`')).unwrap_or(key)
}

/// As Python prints a set of texts.
pub(super) fn python_set(names: &[&str]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("'{name}'")).collect();
    format!("{{{}}}", names.join(", "))
}

pub(super) fn invalid_clause(tokens: &[Token<'_>]) -> FilterError {
    // Up to the next AND: the clause that is not understood.
    let clause = tokens.iter().enumerate().take_while(|(index, token)| *index == 0 || !token.is_word("AND"));
    let clause: Vec<&str> = clause.map(|(_, token)| token.text).collect();
    FilterError::new(format!("Invalid clause(s) in filter string: '{}'", clause.join("', '")))
}
