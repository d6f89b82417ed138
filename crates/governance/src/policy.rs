//! Which gates a model version must have passed.

use mainspring_domain::registry::{ModelVersion, Stage};
use mainspring_metadata_store::{ReadTx, StoreError};
use std::collections::BTreeMap;

/// The rules of all models: the gates whose newest report on a version's run must be a pass before
/// the version goes to production.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StagePolicy {
    required: BTreeMap<String, Vec<String>>,
}

/// Why a version may not take a stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blocked {
    /// What stands in the way.
    pub message: String,
    /// What to do.
    pub hint: String,
}

impl StagePolicy {
    /// Rules by model name.
    #[must_use]
    pub const fn new(required: BTreeMap<String, Vec<String>>) -> Self {
        Self { required }
    }

    /// Whether a version may take a stage. A gate without a report has not passed.
    ///
    /// # Errors
    /// Of the store; then nothing may be changed either.
    pub fn check(
        &self,
        tx: &dyn ReadTx,
        version: &ModelVersion,
        to: Stage,
    ) -> Result<Result<(), Blocked>, StoreError> {
        let Some(gates) = self.required.get(&version.name).filter(|_| to == Stage::Production) else {
            return Ok(Ok(()));
        };
        let name = format!("{}/{}", version.name, version.version);
        let Some(run_id) = version.run_id.as_deref().filter(|_| !gates.is_empty()) else {
            if gates.is_empty() {
                return Ok(Ok(()));
            }
            return Ok(Err(Blocked {
                message: format!("model version {name} names no run, so no gate can have judged it"),
                hint: "register it from a run: `mlflow.register_model(\"runs:/RUN/model\", NAME)`".to_owned(),
            }));
        };
        for gate in gates {
            let report = tx.gate_report(gate, &format!("run:{run_id}"))?;
            match report {
                Some(report) if report.verdict.passed() => {}
                Some(report) => {
                    return Ok(Err(Blocked {
                        message: format!(
                            "model version {name} did not pass the gate `{gate}`: {}",
                            report.summary
                        ),
                        hint: "train a better version; `mainspring why` shows the report".to_owned(),
                    }));
                }
                None => {
                    return Ok(Err(Blocked {
                        message: format!("model version {name} was not judged by the gate `{gate}`"),
                        hint: format!("run `mainspring test-model --model runs:/{run_id}/model ...`"),
                    }));
                }
            }
        }
        Ok(Ok(()))
    }
}
