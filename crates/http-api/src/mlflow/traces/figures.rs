//! Figures about traces: metrics, and whether two filters go together.

use super::reading::Answer;
use crate::mlflow::request::{Call, Params, Within};
use crate::mlflow::{ApiError, experiments};
use axum::Json;
use mainspring_tracking::traces::correlation::of_filters;
use mainspring_tracking::traces::metrics::{self, Aggregation, Point, View};
use serde::{Serialize, Serializer};
use serde_json::Value;
use std::collections::BTreeMap;

const MOST_GROUPS: usize = 1000;

fn double<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    if value.is_nan() { serializer.serialize_str("NaN") } else { serializer.serialize_f64(*value) }
}

#[derive(Debug, Serialize)]
pub(super) struct CorrelationWire {
    #[serde(serialize_with = "double")]
    npmi: f64,
    #[serde(serialize_with = "double")]
    npmi_smoothed: f64,
    filter1_count: i64,
    filter2_count: i64,
    joint_count: i64,
    total_count: i64,
}

fn asked_experiments(params: &Params) -> Result<Vec<i64>, ApiError> {
    let ids = params.texts("experiment_ids")?;
    if ids.is_empty() {
        return Err(params.missing("experiment_ids"));
    }
    Ok(experiments::ids(&ids)?)
}

pub(super) async fn correlation(Within(state): Within, call: Call) -> Answer<CorrelationWire> {
    let params = &call.params;
    let ids = asked_experiments(params)?;
    let (first, second) = (params.required("filter_string1")?, params.required("filter_string2")?);
    let base = params.text("base_filter")?.unwrap_or_default();
    let found = state.read(move |tx| of_filters(tx, &ids, &first, &second, &base)).await?;
    Ok(Json(CorrelationWire {
        npmi: found.npmi,
        npmi_smoothed: found.npmi_smoothed,
        filter1_count: found.first,
        filter2_count: found.second,
        joint_count: found.both,
        total_count: found.total,
    }))
}

#[derive(Debug, Serialize)]
pub(super) struct PointWire {
    metric_name: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    dimensions: BTreeMap<String, String>,
    values: BTreeMap<String, f64>,
}

#[derive(Debug, Serialize)]
pub(super) struct Points {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    data_points: Vec<PointWire>,
}

fn view(params: &Params) -> Result<View, ApiError> {
    let given = params.any("view_type");
    match (&given, given.as_str(), given.as_u64()) {
        (Value::Null, ..) => Err(params.missing("view_type")),
        (_, Some("TRACES"), _) | (_, _, Some(1)) => Ok(View::Traces),
        (_, Some("SPANS"), _) | (_, _, Some(2)) => Ok(View::Spans),
        (_, Some("ASSESSMENTS"), _) | (_, _, Some(3)) => Ok(View::Assessments),
        _ => Err(params.wrong("view_type", &given)),
    }
}

fn aggregation(params: &Params) -> Result<Aggregation, ApiError> {
    let kind = params.any("aggregation_type");
    let percentile = params.number("percentile_value")?;
    let aggregation = match (kind.as_str(), kind.as_u64()) {
        (Some("COUNT"), _) | (_, Some(1)) => Aggregation::Count,
        (Some("SUM"), _) | (_, Some(2)) => Aggregation::Sum,
        (Some("AVG"), _) | (_, Some(3)) => Aggregation::Avg,
        (Some("MIN"), _) | (_, Some(5)) => Aggregation::Min,
        (Some("MAX"), _) | (_, Some(6)) => Aggregation::Max,
        (Some("PERCENTILE"), _) | (_, Some(4)) => {
            let percentile = percentile.ok_or_else(|| {
                ApiError::invalid("Percentile value is required for PERCENTILE aggregation")
            })?;
            if !(0.0..=100.0).contains(&percentile) {
                return Err(ApiError::invalid(format!(
                    "Percentile value must be between 0 and 100, got {percentile}"
                )));
            }
            return Ok(Aggregation::Percentile(percentile));
        }
        _ => return Err(params.wrong("aggregation_type", &kind)),
    };
    if percentile.is_some() {
        return Err(ApiError::invalid(format!(
            "Percentile value is only allowed for PERCENTILE aggregation type, got {}",
            aggregation.label()
        )));
    }
    Ok(aggregation)
}

/// A time as the figures name it: `2026-01-01T00:00:00+00:00`.
fn interval(millis: i64) -> String {
    let time = jiff::Timestamp::from_millisecond(millis).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    time.strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string()
}

pub(super) async fn metrics(Within(state): Within, call: Call) -> Answer<Points> {
    let params = &call.params;
    let ids = asked_experiments(params)?;
    let aggregations = params.objects("aggregations")?;
    if aggregations.is_empty() {
        return Err(params.missing("aggregations"));
    }
    let query = metrics::Query {
        view: view(params)?,
        metric: params.required("metric_name")?,
        aggregations: aggregations.iter().map(aggregation).collect::<Result<_, _>>()?,
        dimensions: params.texts("dimensions")?,
        filters: params.texts("filters")?,
        interval_seconds: params.integer("time_interval_seconds")?,
        from: params.integer("start_time_ms")?,
        until: params.integer("end_time_ms")?,
        limit: params.max_results(MOST_GROUPS, MOST_GROUPS)?,
    };
    let metric = query.metric.clone();
    let points = state.read(move |tx| metrics::query(tx, &ids, &query)).await?;
    let wire = |point: Point| {
        let mut dimensions: BTreeMap<String, String> = point.dimensions.into_iter().collect();
        if let Some(millis) = point.interval {
            dimensions.insert("time_bucket".to_owned(), interval(millis));
        }
        PointWire { metric_name: metric.clone(), dimensions, values: point.values.into_iter().collect() }
    };
    Ok(Json(Points { data_points: points.into_iter().map(wire).collect() }))
}
