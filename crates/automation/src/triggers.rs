//! What starts pipelines: arrivals and alerts.

use crate::AutomationError;
use crate::config::{Config, Trigger, TriggerEvent};
use mainspring_domain::data::Arrival;
use mainspring_domain::{Actor, Timestamp};
use mainspring_metadata_store::{Store, StoreError, WriteTx};
use mainspring_pipelines::{CreateRun, create_run};
use serde_json::{Map, json};
use std::sync::Arc;
use std::time::Duration;

/// Starts a run for arrivals that have waited long enough for others to join them.
pub(crate) async fn start_for_arrivals(
    store: &Store,
    config: &Arc<Config>,
    now: Timestamp,
) -> Result<(), AutomationError> {
    let config = Arc::clone(config);
    let Some(trigger) =
        config.trigger.iter().find(|trigger| trigger.on == TriggerEvent::DataArrived).cloned()
    else {
        return Ok(());
    };
    let debounce = trigger.debounce;
    let waiting = store
        .read(move |tx| {
            let open = tx.open_arrivals()?;
            let known = tx.dag(&trigger.dag)?.is_some_and(|dag| !dag.paused);
            Ok::<_, StoreError>((open, known, trigger))
        })
        .await?;
    let (open, known, trigger) = waiting;
    let Some(newest) = open.iter().map(|arrival| arrival.time).max() else { return Ok(()) };
    if !known || now.since(newest) < debounce {
        return Ok(());
    }
    let actor = Actor::automation(&format!("trigger {} -> {}", "data.arrived", trigger.dag));
    store.write(actor, move |tx| start(tx, &config, &trigger)).await
}

fn start(tx: &mut dyn WriteTx, config: &Config, trigger: &Trigger) -> Result<(), AutomationError> {
    let arrivals = tx.open_arrivals()?;
    if arrivals.is_empty() {
        tx.bookkeeping();
        return Ok(());
    }
    let why = reason_to_train(tx, config, &trigger.dag)?;
    let names: Vec<&str> = arrivals.iter().map(|arrival| arrival.path.as_str()).collect();
    let mut reason = format!("new data: {}", names.join(", "));
    if let Some(why) = &why {
        reason.push_str(&format!("; training because {}", why.1));
    }
    let mut conf = Map::new();
    conf.insert("train".to_owned(), json!(why.is_some()));
    if let Some((code, _)) = why {
        conf.insert("reason".to_owned(), json!(code));
    }
    launch(tx, &trigger.dag, "data_triggered", reason, conf, &arrivals)?;
    Ok(())
}

/// Whether an alert may start a training now: none is under way, and the last one that an alert
/// started is longer ago than the cooldown. Alerts and arrivals both ask here.
pub(crate) fn may_retrain(tx: &dyn WriteTx, dag: &str, cooldown: Duration) -> Result<bool, StoreError> {
    let runs = tx.dag_runs(Some(dag), 50)?;
    let busy = runs.iter().any(|run| !run.state.is_final() && run.conf.get("train") == Some(&json!(true)));
    let previous = runs.iter().find(|run| run.conf.get("reason") == Some(&json!("alert")));
    let too_soon = previous.is_some_and(|run| tx.now().since(run.created) < cooldown);
    Ok(!busy && !too_soon)
}

/// Why new data should be trained on at once: nothing serves yet, or an alert is open and its last
/// training is not too recent.
fn reason_to_train(
    tx: &dyn WriteTx,
    config: &Config,
    dag: &str,
) -> Result<Option<(&'static str, String)>, StoreError> {
    for name in config.model.keys() {
        let deployment = tx.deployment(name)?;
        if deployment.is_none_or(|deployment| deployment.stable.is_none()) {
            return Ok(Some(("no_champion", format!("no version of `{name}` is deployed"))));
        }
        let monitor = config.monitor.get(name).filter(|monitor| monitor.retrain.as_deref() == Some(dag));
        let Some(monitor) = monitor else { continue };
        if tx.open_alert(name)?.is_some() && may_retrain(tx, dag, monitor.cooldown)? {
            return Ok(Some(("alert", format!("an alert on `{name}` is open"))));
        }
    }
    Ok(None)
}

/// Creates a run that takes up the given arrivals.
pub(crate) fn launch(
    tx: &mut dyn WriteTx,
    dag: &str,
    run_type: &'static str,
    reason: String,
    mut conf: Map<String, serde_json::Value>,
    arrivals: &[Arrival],
) -> Result<String, AutomationError> {
    let files: Vec<&str> = arrivals.iter().map(|arrival| arrival.path.as_str()).collect();
    conf.insert("files".to_owned(), json!(files));
    let run_id =
        create_run(tx, CreateRun { dag_id: dag.to_owned(), run_type, reason, conf, interval: None })?;
    for arrival in arrivals {
        tx.claim_arrival(arrival.id, &run_id)?;
    }
    Ok(run_id)
}
