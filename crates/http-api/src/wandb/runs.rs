//! Runs, one and many.

use super::asked::Asked;
use super::filters::{self, Filter};
use super::nodes;
use super::projects::experiment;
use super::resolvers::{Answer, Call, connection, window};
use crate::graphql::{GraphqlError, Resolvers};
use mainspring_domain::tracking::Run;
use mainspring_domain::wandb::{RunDetails, WandbRun};
use mainspring_metadata_store::ReadTx;
use mainspring_metadata_store::traits::search::View;
use mainspring_tracking::search::{self, Query};
use mainspring_tracking::{TrackingError, wandb};
use serde_json::{Map, Value, json};
use std::collections::HashMap;

/// Runs of a project that a filter or an order is applied to.
const MOST: usize = 10_000;
/// Runs that are read at once.
const PAGE: usize = 500;

pub(super) fn add(resolvers: &mut Resolvers<Asked>) {
    resolvers.add("Project.run", |call: Call| async move {
        let found = one(&call).await?;
        let name = call.text("name").unwrap_or_default();
        if found.is_null() { Err(GraphqlError(format!("run {name} not found"))) } else { Ok(found) }
    });
    resolvers.add("Project.bucket", |call: Call| async move { one(&call).await });
    resolvers.add("Project.runs", many);
    resolvers.add("Project.runCount", |call: Call| async move {
        Ok(json!(select(&call, Some("+created_at")).await?.1.len()))
    });
    resolvers.add("Run.wandbConfig", |call: Call| async move { Ok(own_config(&call)) });
}

/// The part of the configuration that is the client's own.
fn own_config(call: &Call) -> Value {
    let config: Map<String, Value> = serde_json::from_str(call.parent_text("config")).unwrap_or_default();
    let own = config.get("_wandb").and_then(|own| own.get("value")).and_then(Value::as_object).cloned();
    let mut own = own.unwrap_or_default();
    if let Some(keys) = call.arguments.get("keys").and_then(Value::as_array) {
        own.retain(|key, _| keys.iter().any(|wanted| wanted == key));
    }
    Value::String(Value::Object(own).to_string())
}

async fn one(call: &Call) -> Answer {
    let (id, name) = (experiment(&call.parent), call.text("name").unwrap_or_default().to_owned());
    let project = call.parent.clone();
    call.context
        .read(move |tx| {
            let Some(info) = wandb::runs::find(tx, id, &name)? else { return Ok(Value::Null) };
            node(tx, &project, &info.id)
        })
        .await
}

/// A run's node.
pub(super) fn node(tx: &dyn ReadTx, project: &Value, run: &str) -> Result<Value, TrackingError> {
    let run = mainspring_tracking::runs::get(tx, run)?;
    let known = wandb::runs::details(tx, &run.info)?;
    Ok(nodes::run(project, &run, &known))
}

/// All runs of an experiment, with what their clients said.
fn load(tx: &dyn ReadTx, experiment: i64) -> Result<Vec<(Run, WandbRun)>, TrackingError> {
    let mut loaded = Vec::new();
    let mut query =
        Query { limit: PAGE, order_by: vec!["attributes.start_time ASC".to_owned()], ..Query::default() };
    loop {
        let page = search::runs(tx, &[experiment], View::Active, &query)?;
        let ids: Vec<String> = page.items.iter().map(|run| run.info.id.clone()).collect();
        let mut known: HashMap<String, WandbRun> =
            tx.wandb_runs_of(&ids)?.into_iter().map(|known| (known.run.clone(), known)).collect();
        loaded.extend(page.items.into_iter().map(|run| {
            let id = &run.info.id;
            let known = known.remove(id).unwrap_or_else(|| WandbRun {
                run: id.clone(),
                experiment,
                name: id.clone(),
                details: RunDetails::default(),
            });
            (run, known)
        }));
        match page.next {
            Some(next) if loaded.len() < MOST => query.offset = next,
            _ => return Ok(loaded),
        }
    }
}

/// The runs of a project that pass the filter, in order.
async fn select(call: &Call, order: Option<&str>) -> Result<(Value, Vec<(Run, WandbRun)>), GraphqlError> {
    let project = Value::clone(&call.parent);
    let id = experiment(&project);
    let filter = Filter::parse(call.text("filters"))?;
    let order = filters::order(order);
    let mut runs = call.context.read(move |tx| load(tx, id)).await?;
    if !filter.is_empty() {
        runs.retain(|(run, known)| filter.passes(&|field| nodes::run_field(run, known, field)));
    }
    runs.sort_by(|a, b| {
        filters::compare_by(&order, &|field| nodes::run_field(&a.0, &a.1, field), &|field| {
            nodes::run_field(&b.0, &b.1, field)
        })
    });
    Ok((project, runs))
}

async fn many(call: Call) -> Answer {
    let (project, runs) = select(&call, call.text("order")).await?;
    let (after, first) = window(&call);
    let total = runs.len();
    let page = runs.iter().enumerate().skip(after).take(first);
    let nodes = page.map(|(index, (run, known))| (index + 1, nodes::run(&project, run, known)));
    Ok(connection(nodes.collect(), total))
}
