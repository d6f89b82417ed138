//! `mainspring validate CONTRACT FILE...`: the data gate.

use crate::client::ServerOption;
use crate::error::{CliError, ExitCode};
use crate::project;
use crate::terminal::{say, say_json};
use clap::Args;
use mainspring_data_quality::{Contract, GateReport, Verdict, check, render_text, to_junit};
use mainspring_data_versioning::md5_of;
use serde_json::json;
use std::path::PathBuf;

/// Check data files against a contract (Open Data Contract Standard). Exit code 1 when they break it.
#[derive(Args)]
pub(crate) struct Validate {
    /// The contract, `*.odcs.yaml`.
    contract: PathBuf,
    /// The files, CSV.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Write JUnit XML.
    #[arg(long)]
    junit: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    /// Tell the server (done by itself within a pipeline).
    #[arg(long)]
    report: bool,
    #[command(flatten)]
    server: ServerOption,
}

impl Validate {
    pub(crate) fn run(self) -> Result<ExitCode, CliError> {
        let text = std::fs::read_to_string(&self.contract).map_err(|error| {
            CliError::usage(format!("cannot read the contract `{}`: {error}", self.contract.display()))
        })?;
        let contract = Contract::parse(&text, &self.contract)
            .map_err(|error| CliError::usage(error.to_string()).hint(error.hint()))?;
        let report = check(&contract, &self.files).map_err(|error| CliError::outside(error.to_string()))?;
        if let Some(path) = &self.junit {
            std::fs::write(path, to_junit(&report))?;
        }
        if self.report || project::is_task() {
            self.tell_server(&report)?;
        }
        if self.json {
            say_json(&json!(report));
        } else {
            say(&render_text(&report));
            // Last, because it is what a pipeline shows of a failed task.
            say(&summary(&report));
        }
        Ok(if report.verdict == Verdict::Fail { ExitCode::No } else { ExitCode::Ok })
    }

    /// One report for each file, by its content: that is how lineage finds it.
    fn tell_server(&self, report: &GateReport) -> Result<(), CliError> {
        let client = self.server.client()?;
        for file in &self.files {
            let md5 = md5_of(file).map_err(|error| CliError::outside(error.to_string()))?;
            let report = report.of_file(&file.display().to_string());
            let body = json!({
                "gate": "data", "subject": format!("md5:{md5}"), "verdict": report.verdict,
                "summary": summary(&report), "report": report,
            });
            client.post("/api/v1/gates", &body)?;
        }
        Ok(())
    }
}

fn summary(report: &GateReport) -> String {
    let files: Vec<&str> =
        report.files.iter().map(|file| file.path.rsplit('/').next().unwrap_or(&file.path)).collect();
    let files = files.join(", ");
    let broken = report.broken();
    if broken.is_empty() {
        let rows: u64 = report.files.iter().map(|file| file.rows).sum();
        return format!("{files}: {rows} rows keep all {} rules", report.checks.len());
    }
    let named: Vec<String> =
        broken.iter().take(3).map(|check| format!("{} ({} rows)", check.name, check.failing_rows)).collect();
    let more = broken.len().saturating_sub(3);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{files} breaks {}{more}", named.join(", "))
}
