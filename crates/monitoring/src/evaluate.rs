//! Judging batches and raising alerts.

use crate::window::{Measured, measure};
use mainspring_domain::events::Record;
use mainspring_domain::monitoring::{Alert, MonitorWindow, Prediction};
use mainspring_metadata_store::{StoreError, WriteTx};
use mainspring_tables::Profile;
use serde_json::json;
use std::collections::BTreeMap;
use thiserror::Error;

/// What a monitor tolerates.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Limits {
    /// Labelled predictions per batch.
    pub window: u32,
    /// The least area under the ROC curve.
    pub min_auc: Option<f64>,
    /// The largest distance of mean score and label rate.
    pub max_calibration_gap: Option<f64>,
    /// The largest population stability index of the scores.
    pub max_psi: Option<f64>,
}

/// What can go wrong in a monitor.
#[derive(Debug, Error)]
pub enum MonitorError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Judges the next batch of a model, if it is full. `profile` gives the training profile of a
/// version.
///
/// # Errors
/// Of the store.
pub fn evaluate_next(
    tx: &mut dyn WriteTx,
    model: &str,
    limits: &Limits,
    profile: &dyn Fn(u32) -> Option<Profile>,
) -> Result<Option<MonitorWindow>, MonitorError> {
    let reader = format!("monitor:{model}");
    let after = tx.cursor(&reader)?;
    let labelled = tx.labelled_after(model, after, limits.window)?;
    tx.bookkeeping();
    let Some((last, _)) = labelled.last().filter(|_| labelled.len() >= limits.window as usize) else {
        return Ok(None);
    };
    tx.set_cursor(&reader, *last)?;
    let (version, batch) = of_main_version(labelled.into_iter().map(|(_, prediction)| prediction));
    let measured = measure(&batch, profile(version).as_ref());
    let times = || batch.iter().filter_map(|prediction| prediction.event_time);
    let mut window = MonitorWindow {
        id: 0,
        model: model.to_owned(),
        version,
        time: tx.now(),
        event_start: times().min(),
        event_end: times().max(),
        rows: measured.rows,
        values: measured.values(),
        drift: measured.drift.clone(),
        breaches: breaches(&measured, limits),
    };
    window.id = tx.add_monitor_window(&window)?;
    tx.record(Record::new("monitor.evaluated", format!("model:{model}")).with(json!({
        "version": version, "rows": window.rows, "values": window.values, "breaches": window.breaches,
    })))?;
    alert(tx, &window)?;
    Ok(Some(window))
}

/// The version with most of the predictions, and its predictions: figures of two models at once
/// would describe neither.
fn of_main_version(batch: impl Iterator<Item = Prediction>) -> (u32, Vec<Prediction>) {
    let mut by_version: BTreeMap<u32, Vec<Prediction>> = BTreeMap::new();
    for prediction in batch {
        by_version.entry(prediction.version).or_default().push(prediction);
    }
    by_version.into_iter().max_by_key(|(_, predictions)| predictions.len()).unwrap_or_default()
}

fn breaches(measured: &Measured, limits: &Limits) -> Vec<String> {
    let mut breaches = Vec::new();
    if let Some(limit) = limits.min_auc {
        match measured.auc {
            Some(auc) if auc >= limit => {}
            Some(auc) => breaches.push(format!("AUC {auc:.3} is below {limit}")),
            None => breaches.push("AUC cannot be computed".to_owned()),
        }
    }
    let upper = [
        ("calibration gap", measured.calibration_gap, limits.max_calibration_gap),
        ("PSI of the scores", measured.score_psi, limits.max_psi),
    ];
    for (name, value, limit) in upper {
        match (value, limit) {
            (_, None) => {}
            (Some(value), Some(limit)) if value <= limit => {}
            (Some(value), Some(limit)) => breaches.push(format!("{name} {value:.3} is above {limit}")),
            (None, Some(_)) => breaches.push(format!("{name} cannot be computed")),
        }
    }
    breaches
}

/// Raises, prolongs or resolves the model's alert.
fn alert(tx: &mut dyn WriteTx, window: &MonitorWindow) -> Result<(), MonitorError> {
    let subject = format!("model:{}", window.model);
    match (tx.open_alert(&window.model)?, window.breaches.is_empty()) {
        (None, true) => {}
        (None, false) => {
            let alert = Alert {
                id: 0,
                model: window.model.clone(),
                version: window.version,
                time: window.time,
                breaches: window.breaches.clone(),
                window: window.id,
                resolved: None,
                run_id: None,
            };
            let id = tx.add_alert(&alert)?;
            tx.record(
                Record::new("alert.raised", subject)
                    .because(window.breaches.join("; "))
                    .with(json!({ "alert": id, "version": window.version, "window": window.id })),
            )?;
        }
        (Some(alert), false) => {
            tx.record(
                Record::new("alert.continues", subject)
                    .because(window.breaches.join("; "))
                    .with(json!({ "alert": alert.id, "version": window.version, "window": window.id })),
            )?;
        }
        (Some(mut alert), true) => {
            alert.resolved = Some(window.time);
            tx.put_alert(&alert)?;
            tx.record(
                Record::new("alert.resolved", subject)
                    .because(format!("version {} keeps its limits", window.version))
                    .with(json!({ "alert": alert.id, "version": window.version, "window": window.id })),
            )?;
        }
    }
    Ok(())
}
