//! Breaking a part on purpose: the story must then fail at the step that depends on it. This is how
//! one sees that the story proves something.

use anyhow::{Context as _, Result, ensure};
use clap::ValueEnum;
use std::path::Path;

/// A part of the loop that can be broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// Data is moved, but not put under version control: step 1.
    Versioning,
    /// The monitor tolerates everything: step 3.
    Monitor,
    /// An alert retrains nothing: step 4.
    Retraining,
    /// The contract asks for nothing: step 5.
    DataGate,
    /// The battery asks for nothing and production requires no gate: step 6.
    ModelGate,
    /// The analysis of a rollout tolerates every error: step 7.
    Analysis,
}

/// Breaks a part of a project that was just set up.
pub(crate) fn break_part(part: Part, project: &Path) -> Result<()> {
    match part {
        Part::Versioning => {
            replace(project, "dags/flights_training.py", &[("mainspring data add", "echo skipping")])
        }
        Part::Monitor => replace(
            project,
            "mainspring.toml",
            &[
                ("min_auc = 0.68", "min_auc = 0.0"),
                ("max_calibration_gap = 0.10", "max_calibration_gap = 1.0"),
            ],
        ),
        Part::Retraining => replace(project, "mainspring.toml", &[("retrain = \"flights_training\"", "")]),
        Part::DataGate => {
            let contract = "apiVersion: v3.1.0\nkind: DataContract\nid: flights\nname: Flights\nversion: 1.0.0\n\
                status: active\nschema:\n  - name: flights\n    physicalType: csv\n    properties:\n\
                \x20     - name: year\n        logicalType: integer\n";
            Ok(std::fs::write(project.join("contracts/flights.odcs.yaml"), contract)?)
        }
        Part::ModelGate => {
            let battery = "version: 1\nlabel: late\nchecks:\n  - { check: signature }\n";
            std::fs::write(project.join("tests/battery.yaml"), battery)?;
            replace(project, "mainspring.toml", &[("require = [\"battery\"]", "require = []")])
        }
        Part::Analysis => replace(
            project,
            "rollout.yaml",
            &[("successCondition: result <= 0.02", "successCondition: result <= 1.0")],
        ),
    }
}

fn replace(project: &Path, file: &str, changes: &[(&str, &str)]) -> Result<()> {
    let path = project.join(file);
    let mut text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    for (from, to) in changes {
        ensure!(text.contains(from), "{file} no longer contains `{from}`");
        text = text.replace(from, to);
    }
    Ok(std::fs::write(path, text)?)
}
