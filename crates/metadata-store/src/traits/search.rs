//! What a search asks for. A capability makes these values from a parsed filter; the store turns
//! them into a query with bound values.

use mainspring_expressions::search::{Comparison, Entity, OrderBy};
pub use mainspring_expressions::search::{Operand, Operator};

/// A built-in property of an entity. Not every entity has every one: see each search.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Attribute {
    /// The id of a run, experiment or logged model.
    Id,
    /// The name.
    Name,
    /// The status.
    Status,
    /// The user name that the client gave.
    User,
    /// The user name of the last change.
    Updater,
    /// When a run began.
    Start,
    /// When a run ended.
    End,
    /// How long a run took.
    Duration,
    /// When it was created.
    Created,
    /// When it was last changed.
    Updated,
    /// Where its artifacts live.
    ArtifactUri,
    /// The experiment it belongs to.
    Experiment,
    /// The kind of a logged model.
    ModelType,
    /// The run that produced a model.
    SourceRun,
    /// The number of a model version.
    Version,
    /// The source URI of a model version.
    Source,
    /// The stage of a model version.
    Stage,
}

/// A property of a data set that a run read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DatasetProperty {
    /// Its name.
    Name,
    /// Its digest.
    Digest,
    /// How the run used it.
    Context,
}

/// What a condition or an order looks at.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Field {
    /// A built-in property.
    Attribute(Attribute),
    /// The latest value of a metric.
    Metric(String),
    /// A parameter.
    Param(String),
    /// A tag.
    Tag(String),
    /// A data set that was read.
    Dataset(DatasetProperty),
}

/// One condition; a search holds all of them together.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// What to look at.
    pub field: Field,
    /// How to compare.
    pub operator: Operator,
    /// What to compare with.
    pub operand: Operand,
    /// Whether an entity without such a tag passes a [`Operator::NotEqual`].
    pub absent_differs: bool,
}

/// One key of the order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SortKey {
    /// What to sort by.
    pub field: Field,
    /// From high to low.
    pub descending: bool,
}

/// Which lifecycles a search covers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum View {
    /// What is in use.
    #[default]
    Active,
    /// What was deleted.
    Deleted,
    /// Both.
    All,
}

/// A whole search.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Search {
    /// What must hold, all together.
    pub conditions: Vec<Condition>,
    /// The order; each search has a default that also breaks ties.
    pub order: Vec<SortKey>,
    /// Data sets by name and perhaps digest: logged models count only when they were measured on one
    /// of these, and only by what was measured on them.
    pub measured_on: Vec<(String, Option<String>)>,
    /// How many to give at most.
    pub limit: usize,
    /// How many to skip.
    pub offset: usize,
}

/// One page of what a search found.
#[derive(Clone, Debug, PartialEq)]
pub struct Page<T> {
    /// What was found.
    pub items: Vec<T>,
    /// Where the next page begins, when there is one.
    pub next: Option<usize>,
}

/// What a parsed key means: attributes by the given names.
fn field(entity: Entity, key: String, attribute: impl Fn(&str) -> Option<Attribute>) -> Option<Field> {
    Some(match entity {
        Entity::Metric => Field::Metric(key),
        Entity::Parameter => Field::Param(key),
        Entity::Tag => Field::Tag(key),
        Entity::Attribute => Field::Attribute(attribute(&key)?),
        Entity::Dataset => Field::Dataset(match key.as_str() {
            "name" => DatasetProperty::Name,
            "digest" => DatasetProperty::Digest,
            "context" => DatasetProperty::Context,
            _ => return None,
        }),
    })
}

impl Condition {
    /// The condition that a comparison states; none when it names an unknown attribute.
    pub fn of(comparison: Comparison, attribute: impl Fn(&str) -> Option<Attribute>) -> Option<Self> {
        let Comparison { entity, key, operator, operand } = comparison;
        Some(Self { field: field(entity, key, attribute)?, operator, operand, absent_differs: false })
    }
}

impl SortKey {
    /// The key that a clause states; none when it names an unknown attribute.
    pub fn of(order: OrderBy, attribute: impl Fn(&str) -> Option<Attribute>) -> Option<Self> {
        Some(Self { field: field(order.entity, order.key, attribute)?, descending: !order.ascending })
    }
}

impl Search {
    /// Asks for a page and for one item more, which shows whether another page follows.
    ///
    /// # Errors
    /// What `query` gives.
    pub fn page<T, E>(
        mut self,
        query: impl FnOnce(&Self) -> std::result::Result<Vec<T>, E>,
    ) -> std::result::Result<Page<T>, E> {
        let limit = self.limit;
        self.limit = limit.saturating_add(1);
        let mut items = query(&self)?;
        let next = (items.len() > limit).then(|| self.offset + limit);
        items.truncate(limit);
        Ok(Page { items, next })
    }
}
