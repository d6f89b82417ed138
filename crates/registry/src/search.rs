//! Searches by filter text.

use crate::{RegistryError, Result, validation};
use mainspring_domain::registry::{ModelVersion, RegisteredModel};
use mainspring_domain::workspaces::WorkspaceName;
use mainspring_expressions::search::{EntityKind, parse_filter, parse_order_by};
use mainspring_metadata_store::ReadTx;
use mainspring_metadata_store::traits::search::{
    Attribute, Condition, Field, Operand, Operator, Page, Search, SortKey,
};

/// What a client asks for.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// The filter text; empty for everything.
    pub filter: String,
    /// The order, one key a text.
    pub order_by: Vec<String>,
    /// How many to give at most.
    pub limit: usize,
    /// How many to skip.
    pub offset: usize,
}

/// The tag that marks a prompt, which lies in the registry but is no model.
pub const PROMPT_TAG: &str = "mlflow.prompt.is_prompt";

impl Query {
    /// Prompts are found only by a search that asks for them.
    fn search(&self, tx: &dyn ReadTx, kind: EntityKind) -> Result<Search> {
        let unknown = || RegistryError::Invalid("The search names an unknown attribute.".to_owned());
        let mut search = Search { limit: self.limit, offset: self.offset, ..Search::default() };
        let mut prompts = false;
        for comparison in parse_filter(&self.filter, kind)? {
            let mut condition = Condition::of(comparison, attribute).ok_or_else(unknown)?;
            if let Some(within) = tx.within()
                && condition.field == Field::Attribute(Attribute::Name)
            {
                qualify(within, &mut condition.operand);
            }
            if condition.field == Field::Tag(PROMPT_TAG.to_owned()) {
                let yes = condition.operand == Operand::Text("true".to_owned());
                prompts |= yes && condition.operator == Operator::Equal;
            } else {
                search.conditions.push(condition);
            }
        }
        search.conditions.push(Condition {
            field: Field::Tag(PROMPT_TAG.to_owned()),
            operator: if prompts { Operator::Equal } else { Operator::NotEqual },
            operand: Operand::Text("true".to_owned()),
            absent_differs: true,
        });
        for text in &self.order_by {
            let key = SortKey::of(parse_order_by(text, kind)?, attribute).ok_or_else(unknown)?;
            if search.order.iter().any(|held| held.field == key.field) {
                let clauses = self.order_by.join("', '");
                return validation::invalid(format!("`order_by` contains duplicate fields: ['{clauses}']"));
            }
            search.order.push(key);
        }
        // What an order leaves open is decided by name and version, not by the last change.
        if kind == EntityKind::ModelVersion && !search.order.is_empty() {
            for (attribute, descending) in [(Attribute::Name, false), (Attribute::Version, true)] {
                let field = Field::Attribute(attribute);
                if search.order.iter().all(|held| held.field != field) {
                    search.order.push(SortKey { field, descending });
                }
            }
        }
        Ok(search)
    }
}

/// Names, and patterns of them, as the whole server knows them: those of a workspace all begin alike.
fn qualify(workspace: &WorkspaceName, operand: &mut Operand) {
    match operand {
        Operand::Text(name) => *name = workspace.qualify(name),
        Operand::Texts(names) => names.iter_mut().for_each(|name| *name = workspace.qualify(name)),
        Operand::Number(_) | Operand::None => {}
    }
}

/// What an attribute's name means.
fn attribute(key: &str) -> Option<Attribute> {
    Some(match key {
        "name" => Attribute::Name,
        "version_number" => Attribute::Version,
        "run_id" => Attribute::SourceRun,
        "source_path" => Attribute::Source,
        "creation_timestamp" => Attribute::Created,
        "last_updated_timestamp" => Attribute::Updated,
        _ => return None,
    })
}

/// Searches registered models.
///
/// # Errors
/// When the filter or the order is not understood.
pub fn models(tx: &dyn ReadTx, query: &Query) -> Result<Page<RegisteredModel>> {
    query.search(tx, EntityKind::RegisteredModel)?.page(|search| Ok(tx.search_registered_models(search)?))
}

/// Searches versions.
///
/// # Errors
/// When the filter or the order is not understood.
pub fn versions(tx: &dyn ReadTx, query: &Query) -> Result<Page<ModelVersion>> {
    query.search(tx, EntityKind::ModelVersion)?.page(|search| Ok(tx.search_model_versions(search)?))
}
