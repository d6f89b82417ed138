//! The report for people: text for a terminal, Markdown for a pull request.

use std::fmt::Write as _;

use crate::report::{BatteryReport, MetricSet, Verdict};

/// The report as aligned text: every check with its reason, the metrics, a closing line.
#[must_use]
pub fn render_text(report: &BatteryReport) -> String {
    let width = report.checks.iter().map(|check| check.name.len()).max().unwrap_or(0);
    let mut text = String::new();
    for check in &report.checks {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{}  {:width$}  {}", word(check.verdict), check.name, check.message);
        if check.verdict == Verdict::Fail {
            let _ = writeln!(text, "      {:width$}  asked for: {}", "", check.threshold);
        }
    }
    text.push('\n');
    text.push_str(&metric_lines(report));
    let _ = writeln!(text, "\n{}", summary(report));
    text
}

/// The report as Markdown, with one table of checks and one of metrics.
#[must_use]
pub fn to_markdown(report: &BatteryReport) -> String {
    let mut text = format!("**Model gate: {}**. {}\n\n", word(report.verdict).trim(), summary(report));
    text.push_str("| | check | result | asked for |\n|---|---|---|---|\n");
    for check in &report.checks {
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} |",
            word(check.verdict).trim(),
            cell(&check.name),
            cell(&check.message),
            cell(&check.threshold)
        );
    }
    text.push_str("\n| metric | candidate | champion |\n|---|---:|---:|\n");
    for (name, candidate, champion) in metrics(report) {
        let _ = writeln!(text, "| {name} | {candidate} | {champion} |");
    }
    text
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Fail => "FAIL",
        Verdict::Skip => "skip",
    }
}

fn summary(report: &BatteryReport) -> String {
    let rate = report.label_rate.map_or(String::new(), |rate| format!(", label rate {rate:.3}"));
    format!(
        "{} checks on {} rows{rate}: {} passed, {} failed, {} skipped",
        report.checks.len(),
        report.rows,
        report.count(Verdict::Pass),
        report.count(Verdict::Fail),
        report.count(Verdict::Skip)
    )
}

fn metric_lines(report: &BatteryReport) -> String {
    let mut text = format!("{:15}  {:>9}  {:>8}\n", "", "candidate", "champion");
    for (name, candidate, champion) in metrics(report) {
        let _ = writeln!(text, "{name:15}  {candidate:>9}  {champion:>8}");
    }
    text
}

/// Name, candidate's and champion's value of each metric.
fn metrics(report: &BatteryReport) -> [(&'static str, String, String); 5] {
    let value = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.4}"));
    let champion = report.champion_metrics.unwrap_or_default();
    let row =
        |name, of: fn(&MetricSet) -> Option<f64>| (name, value(of(&report.metrics)), value(of(&champion)));
    [
        row("auc", |set| set.auc),
        row("brier", |set| set.brier),
        row("log_loss", |set| set.log_loss),
        row("ece", |set| set.ece),
        row("calibration_gap", |set| set.calibration_gap),
    ]
}

/// Text that stays within one cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace(['\n', '\r'], " ")
}
