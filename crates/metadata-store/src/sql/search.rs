//! Turns a [`Search`] into SQL. Only fixed text enters the statement; every value is bound.

use super::tx::{SqlTx, place, to_text};
use crate::driver::{Dialect, Value};
use crate::traits::search::{
    Attribute, Condition, DatasetProperty, Field, Operand, Operator, Search, SortKey, View,
};
use crate::{Result, StoreError};
use mainspring_domain::workspaces::WorkspaceName;
use std::fmt::Write as _;

/// How an entity lies in the tables. Its own table has the alias `e`.
pub(super) struct Entity {
    /// The column of an attribute.
    pub(super) column: fn(Attribute) -> Option<Property>,
    /// Where its tags lie: rows `t` with `key` and `value`.
    pub(super) tags: &'static str,
    /// Where its parameters lie.
    pub(super) params: Option<&'static str>,
    /// Where its metrics lie, and how their key is found from the bound name.
    pub(super) metrics: Option<(&'static str, &'static str)>,
    /// Where its data sets lie: rows `d`, with tags `t`.
    pub(super) datasets: Option<&'static str>,
    /// Whether it has one metric at most by each key, as it has one tag and one parameter.
    pub(super) one_metric: bool,
    /// The order that comes last and breaks ties.
    pub(super) default_order: &'static str,
}

/// Tables that a search joins; SQLite takes 64 in one statement.
const MAX_JOINS: usize = 24;

/// The column of an attribute, by what it holds.
#[derive(Clone, Copy)]
pub(super) enum Property {
    /// Numbers.
    Number(&'static str),
    /// Texts.
    Text(&'static str),
}

/// A statement under construction.
pub(super) struct Statement {
    pub(super) sql: String,
    pub(super) values: Vec<Value<'static>>,
    dialect: Dialect,
    /// What metrics must fulfil to count, after `AND`; empty for all.
    metric_scope: String,
    /// Where joins go in.
    joins_end: usize,
    /// What is joined: the alias is `j` and the position.
    joined: Vec<Field>,
    /// The placeholder of the one experiment that is searched.
    experiment: Option<String>,
    /// The metric that gives the order first, with the alias of its row once a condition has made sure
    /// that it is a number.
    leading: Option<(Field, Option<String>)>,
}

impl SqlTx<'_> {
    /// Begins a statement.
    pub(super) fn select(&self, select: &str) -> Statement {
        Statement {
            sql: format!("{select} WHERE true"),
            values: Vec::new(),
            dialect: self.dialect(),
            metric_scope: String::new(),
            joins_end: select.len(),
            joined: Vec::new(),
            experiment: None,
            leading: None,
        }
    }
}

impl Statement {
    /// Binds a value and gives its placeholder.
    pub(super) fn bind(&mut self, value: impl Into<Value<'static>>) -> String {
        self.values.push(value.into());
        format!("?{}", self.values.len())
    }

    pub(super) fn and(&mut self, condition: &str) {
        self.sql.push_str(" AND ");
        self.sql.push_str(condition);
    }

    /// Restricts to lifecycles.
    pub(super) fn view(&mut self, view: View) {
        match view {
            View::Active => self.and("e.lifecycle = 'active'"),
            View::Deleted => self.and("e.lifecycle <> 'active'"),
            View::All => {}
        }
    }

    /// Restricts to what lies in a workspace, where the entity itself names it.
    pub(super) fn in_workspace(&mut self, workspace: &WorkspaceName) {
        let place = self.bind(workspace.as_str().to_owned());
        self.and(&format!("e.workspace = {place}"));
    }

    /// Restricts to the models of a workspace, by the column with the names that the whole server knows.
    pub(super) fn models_of(&mut self, workspace: Option<&WorkspaceName>, column: &str) {
        match workspace {
            None => {}
            Some(default) if default.is_default() => self.and(&format!("{column} NOT LIKE '%:%'")),
            // What begins with the workspace and a colon lies between these two, so that an index serves.
            Some(workspace) => {
                let (low, high) = (self.bind(format!("{workspace}:")), self.bind(format!("{workspace};")));
                self.and(&format!("{column} > {low} AND {column} < {high}"));
            }
        }
    }

    /// Restricts to one experiment. A search that orders by a metric and asks for a number of it goes
    /// through the metric's index then, and stops when the page is full.
    pub(super) fn of_experiment(&mut self, experiment: i64) {
        let place = self.bind(experiment);
        // A plain equality lets the index give the default order by itself.
        self.and(&format!("e.experiment = {place}"));
        self.experiment = Some(place);
    }

    /// Restricts metrics to those that were measured on one of the data sets, and the entities to
    /// those that have such metrics.
    fn measured_on(&mut self, entity: &Entity, datasets: &[(String, Option<String>)]) -> Result<()> {
        let Some((rows, _)) = entity.metrics else {
            return Err(unknown(&Field::Dataset(DatasetProperty::Name)));
        };
        let mut any = Vec::new();
        for (name, digest) in datasets {
            let mut one = format!("t.dataset_name = {}", self.bind(name.clone()));
            if let Some(digest) = digest {
                let _ = write!(one, " AND t.dataset_digest = {}", self.bind(digest.clone()));
            }
            any.push(format!("({one})"));
        }
        self.metric_scope = format!(" AND ({})", any.join(" OR "));
        let measured = format!("EXISTS (SELECT 1 FROM {rows}{})", self.metric_scope);
        self.and(&measured);
        Ok(())
    }

    /// Adds conditions, order and page.
    pub(super) fn search(mut self, entity: &Entity, search: &Search) -> Result<Self> {
        if !search.measured_on.is_empty() {
            self.measured_on(entity, &search.measured_on)?;
        }
        if let Some(SortKey { field: field @ Field::Metric(_), .. }) = search.order.first() {
            self.leading = Some((field.clone(), None));
        }
        for condition in &search.conditions {
            let text = self.condition(entity, condition)?;
            self.and(&text);
        }
        self.sql.push_str(" ORDER BY ");
        for key in &search.order {
            let text = self.sort_key(entity, key)?;
            self.sql.push_str(&text);
            self.sql.push_str(", ");
        }
        let limit = self.bind(place(search.limit));
        let offset = self.bind(place(search.offset));
        let _ = write!(self.sql, "{} LIMIT {limit} OFFSET {offset}", entity.default_order);
        Ok(self)
    }

    fn condition(&mut self, entity: &Entity, condition: &Condition) -> Result<String> {
        match &condition.field {
            Field::Attribute(attribute) => {
                let property = (entity.column)(*attribute).ok_or_else(|| unknown(&condition.field))?;
                match (property, &condition.operand) {
                    // An id that is a number is compared as a text when it is given as one.
                    (Property::Number(column), Operand::Text(_) | Operand::Texts(_)) => {
                        let bytewise = match self.dialect {
                            Dialect::Sqlite => "",
                            Dialect::Postgres => " COLLATE \"C\"",
                        };
                        self.compare(&format!("CAST({column} AS TEXT){bytewise}"), condition)
                    }
                    (Property::Text(_), Operand::Number(_)) => Err(unknown(&condition.field)),
                    (Property::Number(column) | Property::Text(column), _) => self.compare(column, condition),
                }
            }
            Field::Tag(_) | Field::Param(_) | Field::Metric(_)
                if let Some(alias) = self.joined(entity, &condition.field)? =>
            {
                self.of_joined(&alias, condition)
            }
            Field::Tag(key) => {
                let key = self.bind(key.clone());
                self.exists(&format!("{} AND t.key = {key}", entity.tags), "t.value", condition)
            }
            Field::Param(key) => {
                let rows = entity.params.ok_or_else(|| unknown(&condition.field))?;
                let key = self.bind(key.clone());
                self.exists(&format!("{rows} AND t.key = {key}"), "t.value", condition)
            }
            Field::Metric(key) => {
                let (rows, lookup) = entity.metrics.ok_or_else(|| unknown(&condition.field))?;
                let key = self.bind(key.clone());
                let scope = &self.metric_scope;
                let rows = format!("{rows} AND t.key = {}{scope}", lookup.replace("{}", &key));
                self.exists_metric(&rows, condition)
            }
            Field::Dataset(property) => {
                let rows = entity.datasets.ok_or_else(|| unknown(&condition.field))?;
                let (rows, column) = match property {
                    DatasetProperty::Name => (rows.to_owned(), "d.name"),
                    DatasetProperty::Digest => (rows.to_owned(), "d.digest"),
                    DatasetProperty::Context => {
                        (format!("{rows} AND t.key = 'mlflow.data.context'"), "t.value")
                    }
                };
                self.exists(&rows, column, condition)
            }
        }
    }

    /// Joins the row of a tag, parameter or metric, once however often it is asked for; gives its
    /// alias. A value that is looked up once serves all conditions and the order. None when there may
    /// be several rows or enough is joined.
    fn joined(&mut self, entity: &Entity, field: &Field) -> Result<Option<String>> {
        let (rows, lookup, name) = match field {
            Field::Tag(name) => (entity.tags, "{}", name),
            Field::Param(name) => (entity.params.ok_or_else(|| unknown(field))?, "{}", name),
            Field::Metric(name) => {
                let (rows, lookup) = entity.metrics.ok_or_else(|| unknown(field))?;
                if !entity.one_metric {
                    return Ok(None);
                }
                (rows, lookup, name)
            }
            Field::Attribute(_) | Field::Dataset(_) => return Ok(None),
        };
        if let Some(known) = self.joined.iter().position(|held| held == field) {
            return Ok(Some(format!("j{known}")));
        }
        let number = self.joined.len();
        let Some((table, matches)) = rows.split_once(" t WHERE ").filter(|_| number < MAX_JOINS) else {
            return Ok(None);
        };
        let key = self.bind(name.clone());
        let (matches, key) = (matches.replace("t.", &format!("j{number}.")), lookup.replace("{}", &key));
        let join = format!(" LEFT JOIN {table} j{number} ON {matches} AND j{number}.key = {key}");
        self.sql.insert_str(self.joins_end, &join);
        self.joins_end += join.len();
        self.joined.push(field.clone());
        Ok(Some(format!("j{number}")))
    }

    /// A condition on a joined row, whose columns are all null when it is not there.
    fn of_joined(&mut self, alias: &str, condition: &Condition) -> Result<String> {
        let value = format!("{alias}.value");
        let comparison = self.compare(&value, condition)?;
        let metric = matches!(condition.field, Field::Metric(_));
        Ok(match condition.operator {
            Operator::IsNull | Operator::IsNotNull => comparison,
            // NaN differs from every number and is neither less nor greater.
            Operator::NotEqual if metric => format!("({alias}.is_nan OR {comparison})"),
            Operator::NotEqual if condition.absent_differs => format!("({value} IS NULL OR {comparison})"),
            _ if metric => {
                let leads = self.leads(alias, &condition.field);
                format!("NOT {alias}.is_nan AND {comparison}{leads}")
            }
            _ => comparison,
        })
    }

    /// What makes rows of the metric that gives the order be looked up by value: within the experiment its
    /// index has them in that order. No row without the metric passes, so that the join may begin there.
    fn leads(&mut self, alias: &str, field: &Field) -> String {
        let Some(experiment) = self.experiment.clone() else { return String::new() };
        match &mut self.leading {
            Some((leading, known)) if leading == field => *known = Some(alias.to_owned()),
            _ => return String::new(),
        }
        format!(" AND {alias}.experiment = {experiment}")
    }

    /// A condition on rows that may not exist.
    fn exists(&mut self, rows: &str, column: &str, condition: &Condition) -> Result<String> {
        Ok(match condition.operator {
            Operator::IsNull => format!("NOT EXISTS (SELECT 1 FROM {rows})"),
            Operator::IsNotNull => format!("EXISTS (SELECT 1 FROM {rows})"),
            Operator::NotEqual if condition.absent_differs => {
                let equal = Condition { operator: Operator::Equal, ..condition.clone() };
                let comparison = self.compare(column, &equal)?;
                format!("NOT EXISTS (SELECT 1 FROM {rows} AND {comparison})")
            }
            _ => {
                let comparison = self.compare(column, condition)?;
                format!("EXISTS (SELECT 1 FROM {rows} AND {comparison})")
            }
        })
    }

    /// A condition on a metric. NaN differs from every number and is neither less nor greater.
    fn exists_metric(&mut self, rows: &str, condition: &Condition) -> Result<String> {
        match condition.operator {
            Operator::IsNull | Operator::IsNotNull => self.exists(rows, "t.value", condition),
            Operator::NotEqual => {
                let comparison = self.compare("t.value", condition)?;
                Ok(format!("EXISTS (SELECT 1 FROM {rows} AND (t.is_nan OR {comparison}))"))
            }
            _ => {
                let comparison = self.compare("t.value", condition)?;
                Ok(format!("EXISTS (SELECT 1 FROM {rows} AND NOT t.is_nan AND {comparison})"))
            }
        }
    }

    fn compare(&mut self, column: &str, condition: &Condition) -> Result<String> {
        let compared = self.compared(column, condition.operator, &condition.operand);
        compared.ok_or_else(|| unknown(&condition.field))
    }

    /// A comparison of a column; none when it does not go with what it compares with.
    pub(super) fn compared(&mut self, column: &str, operator: Operator, operand: &Operand) -> Option<String> {
        let sign = match operator {
            Operator::IsNull => return Some(format!("{column} IS NULL")),
            Operator::IsNotNull => return Some(format!("{column} IS NOT NULL")),
            Operator::Equal => "=",
            Operator::NotEqual => "<>",
            Operator::Greater => ">",
            Operator::GreaterOrEqual => ">=",
            Operator::Less => "<",
            Operator::LessOrEqual => "<=",
            Operator::Like | Operator::ILike | Operator::RLike => {
                return self.matches(column, operator, operand);
            }
            Operator::In => "IN",
            Operator::NotIn => "NOT IN",
        };
        let place = match (operand, operator) {
            (Operand::Text(text), _) => self.bind(text.clone()),
            (Operand::Number(number), _) => self.number(*number),
            (Operand::Texts(texts), Operator::In | Operator::NotIn) => {
                let list = self.bind(to_text(texts).ok()?);
                format!("(SELECT value FROM json_each({list}))")
            }
            (Operand::Texts(_) | Operand::None, _) => return None,
        };
        Some(format!("{column} {sign} {place}"))
    }

    /// A pattern with `%` and `_`. `LIKE` heeds letter case in the search language, `ILIKE` does not.
    fn matches(&mut self, column: &str, operator: Operator, operand: &Operand) -> Option<String> {
        let Operand::Text(pattern) = operand else { return None };
        Some(match (self.dialect, operator) {
            (Dialect::Sqlite, Operator::RLike) => {
                format!("{column} REGEXP {}", self.bind(pattern.clone()))
            }
            // There, `LIKE` does not heed it, and `GLOB` does.
            (Dialect::Sqlite, Operator::Like) => {
                format!("{column} GLOB {}", self.bind(like_to_glob(pattern)))
            }
            (Dialect::Sqlite, _) => format!("{column} LIKE {}", self.bind(pattern.clone())),
            (Dialect::Postgres, Operator::RLike) => format!("{column} ~ {}", self.bind(pattern.clone())),
            // No character takes the meaning of a sign away, as in SQLite.
            (Dialect::Postgres, Operator::Like) => {
                format!("{column} LIKE {} ESCAPE ''", self.bind(pattern.clone()))
            }
            (Dialect::Postgres, _) => format!("{column} ILIKE {} ESCAPE ''", self.bind(pattern.clone())),
        })
    }

    /// A number to compare with. A whole one is bound as an integer, so that large times stay exact.
    #[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
    fn number(&mut self, number: f64) -> String {
        if number.fract() == 0.0 && number.abs() < 9.0e15 {
            self.bind(number as i64)
        } else {
            format!("CAST({} AS DOUBLE PRECISION)", self.bind(Value::Real(number)))
        }
    }

    /// A sort key; what has no value comes last either way, NaN just before it.
    fn sort_key(&mut self, entity: &Entity, key: &SortKey) -> Result<String> {
        let direction = if key.descending { "DESC" } else { "ASC" };
        let value = match &key.field {
            Field::Tag(_) | Field::Param(_) | Field::Metric(_)
                if let Some(alias) = self.joined(entity, &key.field)? =>
            {
                if self.leading.as_ref().is_some_and(|(_, known)| known.as_ref() == Some(&alias)) {
                    // All are numbers; the index gives this order.
                    return Ok(format!("{alias}.value {direction}"));
                }
                if let Field::Metric(_) = key.field {
                    return Ok(format!(
                        "CASE {alias}.is_nan WHEN false THEN 0 WHEN true THEN 1 ELSE 2 END, \
                         {alias}.value {direction}"
                    ));
                }
                format!("{alias}.value")
            }
            Field::Attribute(attribute) => {
                let property = (entity.column)(*attribute).ok_or_else(|| unknown(&key.field))?;
                let (Property::Number(column) | Property::Text(column)) = property;
                column.to_owned()
            }
            Field::Tag(name) => {
                let name = self.bind(name.clone());
                format!("(SELECT t.value FROM {} AND t.key = {name})", entity.tags)
            }
            Field::Param(name) => {
                let rows = entity.params.ok_or_else(|| unknown(&key.field))?;
                let name = self.bind(name.clone());
                format!("(SELECT t.value FROM {rows} AND t.key = {name})")
            }
            Field::Metric(name) => {
                let (rows, lookup) = entity.metrics.ok_or_else(|| unknown(&key.field))?;
                let name = self.bind(name.clone());
                let scope = &self.metric_scope;
                let rows = format!("FROM {rows} AND t.key = {}{scope}", lookup.replace("{}", &name));
                let latest = "ORDER BY t.step DESC, t.ts DESC LIMIT 1";
                return Ok(format!(
                    "CASE (SELECT t.is_nan {rows} {latest}) WHEN false THEN 0 WHEN true THEN 1 ELSE 2 END, \
                     (SELECT t.value {rows} {latest}) {direction}"
                ));
            }
            Field::Dataset(_) => return Err(unknown(&key.field)),
        };
        Ok(format!("{value} IS NULL, {value} {direction}"))
    }
}

/// A pattern of `LIKE` as one of `GLOB`.
fn like_to_glob(pattern: &str) -> String {
    let mut glob = String::with_capacity(pattern.len());
    for character in pattern.chars() {
        match character {
            '%' => glob.push('*'),
            '_' => glob.push('?'),
            '*' | '?' | '[' => {
                let _ = write!(glob, "[{character}]");
            }
            other => glob.push(other),
        }
    }
    glob
}

/// The capability asked for something that this entity does not have.
fn unknown(field: &Field) -> StoreError {
    StoreError::Search(format!("{field:?}"))
}

#[cfg(test)]
mod tests {
    use super::like_to_glob;

    #[test]
    fn patterns_keep_their_meaning() {
        assert_eq!(like_to_glob("a%b_c*[d"), "a*b?c[*][[]d");
    }
}
