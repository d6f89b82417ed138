//! Gate reports.

use super::{ApiError, Body, NativeState};
use axum::extract::{Query, State};
use axum::{Extension, Json};
use mainspring_domain::Actor;
use mainspring_domain::events::Record;
use mainspring_domain::gates::{GateReport, Verdict};
use mainspring_metadata_store::StoreError;
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
pub(super) struct NewReport {
    gate: String,
    subject: String,
    verdict: Verdict,
    summary: String,
    report: Value,
}

#[derive(Deserialize)]
pub(super) struct ListQuery {
    gate: Option<String>,
    limit: Option<u32>,
}

/// `POST /api/v1/gates`
pub(super) async fn report(
    State(state): State<NativeState>,
    Extension(actor): Extension<Actor>,
    Body(new): Body<NewReport>,
) -> Result<Json<Value>, ApiError> {
    if !matches!(new.gate.as_str(), "data" | "battery") {
        return Err(ApiError::bad(format!("unknown gate `{}`", new.gate)).hint("use `data` or `battery`"));
    }
    if new.subject.len() > 1000 || new.summary.len() > 4000 {
        return Err(ApiError::bad("subject or summary is too long"));
    }
    let id = uuid::Uuid::now_v7().simple().to_string();
    let answer = json!({ "id": id });
    state
        .store
        .write(actor, move |tx| {
            let report = GateReport {
                id,
                gate: new.gate,
                subject: new.subject,
                verdict: new.verdict,
                time: tx.now(),
                actor: tx.actor().clone(),
                summary: new.summary,
                report: new.report,
            };
            tx.add_gate_report(&report)?;
            tx.record(
                Record::new("gate.judged", report.subject.clone())
                    .because(report.summary.clone())
                    .with(json!({ "gate": report.gate, "verdict": report.verdict, "report": report.id })),
            )?;
            Ok::<_, StoreError>(())
        })
        .await?;
    Ok(Json(answer))
}

/// `GET /api/v1/gates?gate=&limit=`
pub(super) async fn list(
    State(state): State<NativeState>,
    Query(query): Query<ListQuery>,
) -> Result<Json<Value>, ApiError> {
    let limit = query.limit.unwrap_or(20).min(200);
    let reports = state.store.read(move |tx| tx.gate_reports(query.gate.as_deref(), limit)).await?;
    Ok(Json(json!({ "reports": reports })))
}
