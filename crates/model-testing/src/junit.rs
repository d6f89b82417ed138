//! The report as JUnit XML.

use std::fmt::Write as _;

use crate::report::{BatteryReport, CheckReport, Verdict};

/// One test suite for each group of checks, one test case for each check.
#[must_use]
pub fn to_junit(report: &BatteryReport) -> String {
    let mut groups: Vec<&str> = Vec::new();
    for check in &report.checks {
        if !groups.contains(&check.group.as_str()) {
            groups.push(&check.group);
        }
    }
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    // Writing to a String cannot fail.
    let _ = writeln!(
        xml,
        "<testsuites name=\"model gate\" tests=\"{}\" failures=\"{}\" errors=\"0\" skipped=\"{}\" time=\"{:.3}\">",
        report.checks.len(),
        report.count(Verdict::Fail),
        report.count(Verdict::Skip),
        report.seconds
    );
    for group in groups {
        let checks: Vec<&CheckReport> = report.checks.iter().filter(|check| check.group == group).collect();
        let count = |verdict| checks.iter().filter(|check| check.verdict == verdict).count();
        let _ = writeln!(
            xml,
            "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"0\" skipped=\"{}\">",
            escape(group),
            checks.len(),
            count(Verdict::Fail),
            count(Verdict::Skip)
        );
        for check in checks {
            let (class, name) = (escape(&format!("model.{group}")), escape(&check.name));
            let message = escape(&check.message);
            let body = match check.verdict {
                Verdict::Pass => format!("<system-out>{message}</system-out>"),
                Verdict::Skip => format!("<skipped message=\"{message}\"/>"),
                Verdict::Fail => format!(
                    "<failure message=\"{message}\" type=\"{}\">asked for: {}</failure>",
                    escape(group),
                    escape(&check.threshold)
                ),
            };
            let _ = writeln!(xml, "    <testcase classname=\"{class}\" name=\"{name}\">{body}</testcase>");
        }
        xml.push_str("  </testsuite>\n");
    }
    xml.push_str("</testsuites>\n");
    xml
}

/// Text as it may stand in XML 1.0: markup escaped, control characters that XML forbids replaced.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' | '\t' => escaped.push(character),
            '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            control if control.is_control() => escaped.push('\u{fffd}'),
            other => escaped.push(other),
        }
    }
    escaped
}
