//! The report as JUnit XML, which GitLab, Jenkins and GitHub actions read.

use std::fmt::Write as _;

use crate::report::{GateReport, Verdict};

/// One test suite for each file, one test case for each check. A warning is a passed case with its
/// message in `system-out`.
#[must_use]
pub fn to_junit(report: &GateReport) -> String {
    let failures = report.count(Verdict::Fail);
    let tests = report.checks.len();
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    // Writing to a String cannot fail.
    let _ = writeln!(
        xml,
        "<testsuites name=\"data gate\" tests=\"{tests}\" failures=\"{failures}\" errors=\"0\" time=\"{:.3}\">",
        report.seconds
    );
    for file in &report.files {
        let checks: Vec<_> = report.checks.iter().filter(|check| check.file == file.path).collect();
        let failed = checks.iter().filter(|check| check.verdict == Verdict::Fail).count();
        let suite = escape(&file.path);
        let _ = writeln!(
            xml,
            "  <testsuite name=\"{suite}\" tests=\"{}\" failures=\"{failed}\" errors=\"0\" skipped=\"0\">",
            checks.len()
        );
        for check in checks {
            let _ = write!(
                xml,
                "    <testcase classname=\"{suite}\" name=\"{} ({})\" file=\"{}\"",
                escape(&check.name),
                escape(&check.rule),
                escape(&report.contract.file)
            );
            let message = escape(&check.message);
            match check.verdict {
                Verdict::Pass => xml.push_str("/>\n"),
                Verdict::Warn => {
                    let _ = writeln!(xml, "><system-out>warning: {message}</system-out></testcase>");
                }
                Verdict::Fail => {
                    let rows: Vec<String> = check
                        .sample
                        .iter()
                        .map(|row| {
                            let values = serde_json::Value::Object(row.values.clone());
                            escape(&format!("{}:{}: {values}", row.file, row.line))
                        })
                        .collect();
                    let _ = writeln!(
                        xml,
                        "><failure message=\"{message}\" type=\"{}\">{}</failure></testcase>",
                        escape(&check.rule),
                        rows.join("\n")
                    );
                }
            }
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
