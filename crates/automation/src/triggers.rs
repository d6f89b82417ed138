//! What starts pipelines: arrivals and alerts.

use crate::AutomationError;
use crate::config::{Config, Trigger, TriggerEvent};
use mainspring_domain::data::Arrival;
use mainspring_domain::{Actor, Timestamp};
use mainspring_metadata_store::{ReadTx, Store, StoreError, WriteTx};
use mainspring_pipelines::{CreateRun, create_run};
use serde_json::{Map, json};
use std::sync::Arc;

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

/// Why new data should be trained on at once: nothing serves yet, or an alert is open.
fn reason_to_train(
    tx: &dyn ReadTx,
    config: &Config,
    dag: &str,
) -> Result<Option<(&'static str, String)>, StoreError> {
    for name in config.model.keys() {
        let deployment = tx.deployment(name)?;
        if deployment.is_none_or(|deployment| deployment.stable.is_none()) {
            return Ok(Some(("no_champion", format!("no version of `{name}` is deployed"))));
        }
        let retrains = config.monitor.get(name).and_then(|monitor| monitor.retrain.as_deref());
        if retrains == Some(dag) && tx.open_alert(name)?.is_some() {
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
