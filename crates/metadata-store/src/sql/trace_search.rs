//! Searches of traces as SQL.

use super::search::Statement;
use super::traces::{SELECT, trace};
use super::tx::{SqlTx, place, to_text};
use crate::traits::TraceSearch;
use crate::traits::search::{Operand, Operator, Page};
use crate::{Result, StoreError};
use mainspring_domain::traces::TraceInfo;
use mainspring_expressions::search::{SpanField, TraceAttribute, TraceComparison, TraceField, TraceOrder};
use std::fmt::Write as _;

/// Another trace of the session of `e`.
const SESSION: &str = "trace_metadata m JOIN trace_metadata o ON o.key = m.key AND o.value = m.value
    JOIN assessments a ON a.trace = o.trace JOIN traces f ON f.id = a.trace
    WHERE m.trace = e.id AND m.key = 'mlflow.trace.session' AND a.for_session";

impl SqlTx<'_> {
    pub(super) fn find_traces(&self, experiments: &[i64], search: &TraceSearch) -> Result<Page<TraceInfo>> {
        let (mut statement, list) = self.traces_of(SELECT, experiments)?;
        statement.traces_where(&search.conditions, &list)?;
        statement.traces_order(&search.order)?;
        let limit = statement.bind(place(search.limit.saturating_add(1)));
        let offset = statement.bind(place(search.offset));
        let _ = write!(statement.sql, " LIMIT {limit} OFFSET {offset}");
        let mut items = self.rows(&statement.sql, statement.values, trace)?;
        let next = (items.len() > search.limit).then(|| search.offset + search.limit);
        items.truncate(search.limit);
        Ok(Page { items: self.with_assessments(items)?, next })
    }

    pub(super) fn count_found_traces(
        &self,
        experiments: &[i64],
        lists: &[&[TraceComparison]],
    ) -> Result<i64> {
        let (mut statement, list) = self.traces_of("SELECT count(*) FROM traces e", experiments)?;
        for conditions in lists {
            statement.traces_where(conditions, &list)?;
        }
        self.scalar(&statement.sql, statement.values)
    }

    /// A statement over the traces of experiments, and the placeholder of their list.
    fn traces_of(&self, select: &str, experiments: &[i64]) -> Result<(Statement, String)> {
        let mut statement = self.select(select);
        let list = statement.bind(to_text(&self.experiments_in_sight(experiments)?)?);
        statement.and(&format!("e.experiment IN (SELECT value FROM json_each({list}))"));
        Ok((statement, list))
    }
}

impl Statement {
    /// Adds conditions. All that are about spans must hold for one of them.
    fn traces_where(&mut self, conditions: &[TraceComparison], experiments: &str) -> Result<()> {
        let mut spans = Vec::new();
        for condition in conditions {
            match &condition.field {
                TraceField::Span(field) => spans.push(self.span_condition(field, condition)?),
                _ => {
                    let text = self.trace_condition(condition, experiments)?;
                    self.and(&text);
                }
            }
        }
        if !spans.is_empty() {
            let all = spans.join(" AND ");
            self.and(&format!("EXISTS (SELECT 1 FROM spans s WHERE s.trace = e.id AND {all})"));
        }
        Ok(())
    }

    fn trace_condition(&mut self, condition: &TraceComparison, experiments: &str) -> Result<String> {
        match &condition.field {
            TraceField::Attribute(attribute) => self.of(column(*attribute), condition),
            TraceField::Tag(key) => self.keyed("trace_tags", key, condition),
            TraceField::Metadata(key) => self.keyed("trace_metadata", key, condition),
            TraceField::Run => {
                let made = self.keyed("trace_metadata", "mlflow.sourceRun", condition)?;
                let (Operator::Equal, Operand::Text(run)) = (condition.operator, &condition.operand) else {
                    return Ok(made);
                };
                let run = self.bind(run.clone());
                Ok(format!(
                    "({made} OR EXISTS (SELECT 1 FROM trace_runs r WHERE r.trace = e.id AND r.run = {run}))"
                ))
            }
            TraceField::Prompt => {
                let same = self.of("p.prompt", condition)?;
                Ok(format!("EXISTS (SELECT 1 FROM trace_prompts p WHERE p.trace = e.id AND {same})"))
            }
            TraceField::Issue => {
                let same = self.of("a.name", condition)?;
                Ok(format!(
                    "EXISTS (SELECT 1 FROM assessments a WHERE a.trace = e.id AND a.kind = 'issue' AND {same})"
                ))
            }
            TraceField::Feedback(name) => self.assessed("feedback", name, condition, experiments),
            TraceField::Expectation(name) => self.assessed("expectation", name, condition, experiments),
            TraceField::Span(field) => self.span_condition(field, condition),
        }
    }

    fn of(&mut self, column: &str, condition: &TraceComparison) -> Result<String> {
        self.compared(column, condition.operator, &condition.operand).ok_or_else(|| unknown(&condition.field))
    }

    /// A condition on a value by key. Without a value nothing but `IS NULL` holds.
    fn keyed(&mut self, table: &str, key: &str, condition: &TraceComparison) -> Result<String> {
        let key = self.bind(key.to_owned());
        let rows = format!("SELECT 1 FROM {table} t WHERE t.trace = e.id AND t.key = {key}");
        Ok(match condition.operator {
            Operator::IsNull => format!("NOT EXISTS ({rows})"),
            Operator::IsNotNull => format!("EXISTS ({rows})"),
            _ => format!("EXISTS ({rows} AND {})", self.of("t.value", condition)?),
        })
    }

    /// A condition on what was said about the trace, or about its whole session at another trace of
    /// the same experiments.
    fn assessed(
        &mut self,
        kind: &'static str,
        name: &str,
        condition: &TraceComparison,
        experiments: &str,
    ) -> Result<String> {
        let name = self.bind(name.to_owned());
        let mut said = format!("a.kind = '{kind}' AND a.name = {name} AND a.valid");
        match (condition.operator, &condition.operand) {
            (Operator::IsNull | Operator::IsNotNull, _) => {}
            (Operator::Equal | Operator::NotEqual, Operand::Text(text)) => {
                // Truth values stand as they are in JSON, texts within quotes, and numbers in more
                // than one way.
                let plain = self.bind(text.clone());
                let quoted = self.bind(to_text(text)?);
                let mut same = format!("a.value = {plain} OR a.value = {quoted}");
                if let Ok(number) = text.parse::<f64>() {
                    let equal = self.compared("a.number", Operator::Equal, &Operand::Number(number));
                    let equal = equal.ok_or_else(|| unknown(&condition.field))?;
                    let _ = write!(same, " OR (a.is_number AND {equal})");
                }
                let not = if condition.operator == Operator::NotEqual { "NOT " } else { "" };
                let _ = write!(said, " AND {not}({same})");
            }
            (_, Operand::Number(_)) => {
                let _ = write!(said, " AND a.is_number AND {}", self.of("a.number", condition)?);
            }
            _ => {
                let _ = write!(said, " AND {}", self.of("a.value", condition)?);
            }
        }
        let not = if condition.operator == Operator::IsNull { "NOT " } else { "" };
        Ok(format!(
            "{not}(EXISTS (SELECT 1 FROM assessments a WHERE a.trace = e.id AND {said})
               OR EXISTS (SELECT 1 FROM {SESSION} AND {said}
                          AND f.experiment IN (SELECT value FROM json_each({experiments}))))"
        ))
    }

    fn span_condition(&mut self, field: &SpanField, condition: &TraceComparison) -> Result<String> {
        let column = match field {
            SpanField::Name => "s.name",
            SpanField::Type => "s.type",
            SpanField::Status => "s.status",
            SpanField::Content => "s.content",
            SpanField::Attribute(name) => {
                return self
                    .span_attribute(name, condition.operator, &condition.operand)
                    .ok_or_else(|| unknown(&condition.field));
            }
        };
        self.of(column, condition)
    }

    /// A condition on an attribute. It is looked for in the span's text, where a key is followed by
    /// the JSON text of its value as a text: `"key":"\"value\""`, or `"key":"5"` for a number.
    fn span_attribute(&mut self, name: &str, operator: Operator, operand: &Operand) -> Option<String> {
        let key = format!("{}:\"", quoted(name));
        match (operator, operand) {
            (Operator::Like | Operator::ILike, Operand::Text(pattern)) => {
                let mut like = |value: &str| {
                    self.compared("s.content", operator, &Operand::Text(format!("%{key}{value}\"%")))
                };
                let text = like(&escaped(&quoted(pattern)))?;
                let other = like(&escaped(pattern))?;
                Some(format!("({text} OR {other})"))
            }
            (Operator::RLike, Operand::Text(pattern)) => {
                let (start, pattern) = match pattern.strip_prefix('^') {
                    Some(rest) => (r#"(?:\\")?"#, rest),
                    None => (r#"(?:[^"\\]|\\.)*"#, pattern.as_str()),
                };
                let (pattern, end) = match pattern.strip_suffix('$') {
                    Some(rest) => (rest, r#"(?:\\")?""#),
                    None => (pattern, ""),
                };
                let text = format!("{}{start}(?:{pattern}){end}", regex::escape(&key));
                self.compared("s.content", operator, &Operand::Text(text))
            }
            (Operator::Equal | Operator::NotEqual, Operand::Text(text)) => {
                Some(self.has_attribute(&key, std::slice::from_ref(text), operator == Operator::Equal))
            }
            (Operator::In | Operator::NotIn, Operand::Texts(texts)) => {
                Some(self.has_attribute(&key, texts, operator == Operator::In))
            }
            _ => None,
        }
    }

    /// That a span has an attribute with one of the values, or with another.
    fn has_attribute(&mut self, key: &str, values: &[String], equal: bool) -> String {
        let mut contains = |text: String| {
            let text = self.bind(text);
            // Both engines know this, and both heed letter case in it.
            format!("replace(s.content, {text}, '') <> s.content")
        };
        let mut any = Vec::new();
        for value in values {
            any.push(contains(format!("{key}{}\"", escaped(&quoted(value)))));
            any.push(contains(format!("{key}{}\"", escaped(value))));
        }
        let any = any.join(" OR ");
        if equal { format!("({any})") } else { format!("({} AND NOT ({any}))", contains(key.to_owned())) }
    }

    fn traces_order(&mut self, order: &[TraceOrder]) -> Result<()> {
        self.sql.push_str(" ORDER BY ");
        for key in order {
            let direction = if key.ascending { "ASC" } else { "DESC" };
            let mut keyed = |table: &str, key: &str| {
                let key = self.bind(key.to_owned());
                format!("(SELECT t.value FROM {table} t WHERE t.trace = e.id AND t.key = {key})")
            };
            let value = match &key.field {
                TraceField::Attribute(attribute) => column(*attribute).to_owned(),
                TraceField::Tag(name) => keyed("trace_tags", name),
                TraceField::Metadata(name) => keyed("trace_metadata", name),
                other => return Err(unknown(other)),
            };
            let _ = write!(self.sql, "{value} IS NULL, {value} {direction}, ");
        }
        self.sql.push_str("e.started DESC, e.id");
        Ok(())
    }
}

const fn column(attribute: TraceAttribute) -> &'static str {
    match attribute {
        TraceAttribute::Id => "e.id",
        TraceAttribute::Experiment => "e.experiment",
        TraceAttribute::Start => "e.started",
        TraceAttribute::Duration => "e.duration",
        TraceAttribute::End => "(e.started + coalesce(e.duration, 0))",
        TraceAttribute::State => "e.state",
        TraceAttribute::ClientRequestId => "e.client_request_id",
    }
}

/// A text as JSON.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A text as it stands within the quotes of JSON.
fn escaped(text: &str) -> String {
    let quoted = quoted(text);
    quoted[1..quoted.len() - 1].to_owned()
}

fn unknown(field: &TraceField) -> StoreError {
    StoreError::Search(format!("{field:?}"))
}

#[cfg(test)]
mod tests {
    use super::{escaped, quoted};

    #[test]
    fn attributes_are_looked_for_as_they_are_stored() {
        let attribute = serde_json::json!({ "a": quoted("say \"hi\"") }).to_string();
        assert!(attribute.contains(&format!("\"a\":\"{}\"", escaped(&quoted("say \"hi\"")))), "{attribute}");
    }
}
