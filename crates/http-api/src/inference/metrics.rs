//! `GET /metrics`: what models do, for Prometheus, under the names of MLServer and KServe where they
//! have one.

use super::InferenceState;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use mainspring_serving::{BUCKETS_US, Counts};
use std::fmt::Write as _;

/// The text format of Prometheus.
const FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";
const NANO: f64 = 1e9;

/// One version's counters.
struct Line {
    model: String,
    version: u32,
    counts: Counts,
    restarts: u64,
    ready: bool,
}

/// `GET /metrics`
pub(super) async fn metrics(State(state): State<InferenceState>) -> Response {
    let mut lines = Vec::new();
    let mut routes = state.gateway.routes();
    routes.sort();
    for route in routes {
        for found in state.gateway.versions(&route) {
            lines.push(Line {
                model: route.clone(),
                version: found.version,
                counts: found.server.counts(),
                restarts: found.server.restarts(),
                ready: found.server.is_ready(),
            });
        }
    }
    let mirrors = state.gateway.mirrors();
    let mut text = render(&lines, state.log.waiting());
    text.push_str(&mirrored(mirrors.sent(), mirrors.dropped()));
    ([(header::CONTENT_TYPE, FORMAT)], text).into_response()
}

/// Copies of requests for versions on trial.
fn mirrored(sent: u64, dropped: u64) -> String {
    let name = "mainspring_mirrored_requests_total";
    format!(
        "# HELP {name} Copies of requests for versions on trial, by whether the queue had room.\n# TYPE {name} counter\n\
         {name}{{outcome=\"queued\"}} {sent}\n{name}{{outcome=\"dropped\"}} {dropped}\n"
    )
}

fn render(lines: &[Line], log_waiting: usize) -> String {
    let mut out = String::new();
    let mut family = |name: &str, kind: &str, help: &str, value: &dyn Fn(&Line) -> f64| {
        let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for line in lines {
            let _ = writeln!(
                out,
                "{name}{{model=\"{}\",version=\"{}\"}} {}",
                escaped(&line.model),
                line.version,
                value(line)
            );
        }
    };
    #[expect(clippy::cast_precision_loss, reason = "Prometheus knows only floating-point numbers")]
    let float = |count: u64| count as f64;
    family("model_infer_request_success_total", "counter", "Answered requests.", &|line| {
        float(line.counts.success)
    });
    family("model_infer_request_failure_total", "counter", "Failed requests.", &|line| {
        float(line.counts.failure)
    });
    family(
        "mainspring_model_infer_refused_total",
        "counter",
        "Requests turned away because too many waited.",
        &|line| float(line.counts.refused),
    );
    family(
        "mainspring_model_infer_invalid_total",
        "counter",
        "Requests whose input the model refused.",
        &|line| float(line.counts.invalid),
    );
    family("mainspring_model_infer_rows_total", "counter", "Rows of answered requests.", &|line| {
        float(line.counts.rows)
    });
    family(
        "mainspring_model_infer_queue_seconds_total",
        "counter",
        "Time that requests waited for their turn, where `concurrency` is set.",
        &|line| float(line.counts.queue_ns) / NANO,
    );
    family("mainspring_model_infer_in_progress", "gauge", "Requests that wait or are at work.", &|line| {
        float(line.counts.waiting)
    });
    family(
        "mainspring_model_worker_restarts_total",
        "counter",
        "Workers that had to be replaced.",
        &|line| float(line.restarts),
    );
    family("mainspring_model_ready", "gauge", "Whether the version answers.", &|line| {
        f64::from(u8::from(line.ready))
    });
    summary(&mut out, lines);
    histogram(&mut out, lines);
    let _ = writeln!(
        out,
        "# HELP mainspring_prediction_log_waiting Requests whose predictions wait to be written.\n\
         # TYPE mainspring_prediction_log_waiting gauge\nmainspring_prediction_log_waiting {log_waiting}"
    );
    out
}

/// MLServer's summary: seconds of answered and failed requests.
fn summary(out: &mut String, lines: &[Line]) {
    let name = "model_infer_request_duration";
    let _ = writeln!(out, "# HELP {name} Seconds that requests took.\n# TYPE {name} summary");
    for Line { model, version, counts, .. } in lines {
        let labels = format!("{{model=\"{}\",version=\"{version}\"}}", escaped(model));
        let seconds = seconds(counts.success_ns.saturating_add(counts.failure_ns));
        let _ = writeln!(
            out,
            "{name}_count{labels} {}\n{name}_sum{labels} {seconds}",
            counts.success + counts.failure
        );
    }
}

/// KServe's histogram, which knows models but no versions.
fn histogram(out: &mut String, lines: &[Line]) {
    let name = "request_predict_seconds";
    let _ = writeln!(out, "# HELP {name} Seconds of answered requests.\n# TYPE {name} histogram");
    for of_model in lines.chunk_by(|a, b| a.model == b.model) {
        let Some(first) = of_model.first() else { continue };
        let model = escaped(&first.model);
        let mut so_far = 0;
        for (class, end) in BUCKETS_US.iter().map(Some).chain([None]).enumerate() {
            so_far += of_model.iter().filter_map(|line| line.counts.buckets.get(class)).sum::<u64>();
            let end = end.map_or_else(|| "+Inf".to_owned(), |end| seconds(end * 1000).to_string());
            let _ = writeln!(out, "{name}_bucket{{model_name=\"{model}\",le=\"{end}\"}} {so_far}");
        }
        let sum = seconds(of_model.iter().map(|line| line.counts.success_ns).sum());
        let _ = writeln!(
            out,
            "{name}_count{{model_name=\"{model}\"}} {so_far}\n{name}_sum{{model_name=\"{model}\"}} {sum}"
        );
    }
}

#[expect(clippy::cast_precision_loss, reason = "Prometheus knows only floating-point numbers")]
fn seconds(ns: u64) -> f64 {
    ns as f64 / NANO
}

fn escaped(label: &str) -> String {
    label.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::{Line, render};
    use mainspring_serving::Counts;

    #[test]
    fn families_are_complete_and_labels_escaped() {
        let mut buckets = [0; 14];
        (buckets[0], buckets[13]) = (2, 1);
        let counts =
            Counts { success: 3, success_ns: 2_500_000_000, failure: 1, buckets, ..Counts::default() };
        let line =
            |model: &str, version| Line { model: model.into(), version, counts, restarts: 0, ready: true };
        let text = render(&[line("a\"b", 1), line("a\"b", 2)], 5);
        for expected in [
            "model_infer_request_success_total{model=\"a\\\"b\",version=\"1\"} 3\n",
            "model_infer_request_failure_total{model=\"a\\\"b\",version=\"2\"} 1\n",
            "model_infer_request_duration_count{model=\"a\\\"b\",version=\"1\"} 4\n",
            "request_predict_seconds_bucket{model_name=\"a\\\"b\",le=\"0.0001\"} 4\n",
            "request_predict_seconds_bucket{model_name=\"a\\\"b\",le=\"+Inf\"} 6\n",
            "request_predict_seconds_sum{model_name=\"a\\\"b\"} 5\n",
            "mainspring_prediction_log_waiting 5\n",
        ] {
            assert!(text.contains(expected), "{expected} in\n{text}");
        }
        assert_eq!(text.matches("# TYPE request_predict_seconds histogram").count(), 1);
    }
}
