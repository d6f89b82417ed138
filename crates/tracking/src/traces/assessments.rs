//! What people, programs and language models say about traces.

use super::info;
use crate::validation::{self, invalid};
use crate::{Result, TrackingError};
use mainspring_domain::Timestamp;
use mainspring_domain::events::Record;
use mainspring_domain::traces::{Assessment, AssessmentError, Judgement};
use mainspring_metadata_store::{ReadTx, WriteTx};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use uuid::Uuid;

const NAME: usize = 250;
const STACK_TRACE: usize = 10_000;
const CUT_MARK: &str = "[Stack trace is truncated]\n...\n";

/// Adds what a client leaves out, and checks what it says.
pub(super) fn complete(tx: &dyn WriteTx, trace: &str, mut assessment: Assessment) -> Result<Assessment> {
    validation::check_length("assessment_name", &assessment.name, NAME)?;
    validation::check_length("source_id", assessment.source_id.as_deref().unwrap_or_default(), NAME)?;
    validation::check_length("assessment_id", &assessment.id, NAME)?;
    check_judgement(&mut assessment.judgement)?;
    assessment.trace = trace.to_owned();
    if assessment.id.is_empty() {
        assessment.id = format!("a-{}", Uuid::new_v4().simple());
    } else if tx.assessed_trace(&assessment.id)?.is_some_and(|held| held != trace) {
        return invalid(format!("Assessment with ID '{}' belongs to another trace.", assessment.id));
    }
    for time in [&mut assessment.created, &mut assessment.updated] {
        if *time == Timestamp::default() {
            *time = tx.now();
        }
    }
    Ok(assessment)
}

fn check_judgement(judgement: &mut Judgement) -> Result<()> {
    match judgement {
        Judgement::Expectation { value: Value::Null } => invalid("The `value` field must be specified."),
        Judgement::Feedback { error: Some(AssessmentError { stack_trace: Some(trace), .. }), .. } => {
            // The end of a stack trace says most.
            let over = (trace.chars().count() + CUT_MARK.len()).checked_sub(STACK_TRACE);
            if let Some(over) = over.filter(|_| trace.chars().nth(STACK_TRACE).is_some()) {
                *trace = CUT_MARK.chars().chain(trace.chars().skip(over)).collect();
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

fn record(tx: &mut dyn WriteTx, action: &'static str, assessment: &Assessment) -> Result<()> {
    let details = json!({
        "assessment_id": assessment.id,
        "name": assessment.name,
        "kind": assessment.judgement.kind(),
    });
    tx.record(Record::new(action, info::subject(&assessment.trace)).with(details))?;
    Ok(())
}

/// Adds an assessment. The one that it overrides is no longer valid.
///
/// # Errors
/// When there is no such trace or overridden assessment, or the id is taken.
pub fn create(tx: &mut dyn WriteTx, trace: &str, assessment: Assessment) -> Result<Assessment> {
    info::get(tx, trace)?;
    let taken = !assessment.id.is_empty() && tx.assessed_trace(&assessment.id)?.is_some();
    if taken {
        return invalid(format!("Assessment with ID '{}' already exists.", assessment.id));
    }
    let assessment = Assessment { valid: true, ..complete(tx, trace, assessment)? };
    if let Some(overridden) = &assessment.overrides {
        let overridden = get(tx, trace, overridden)?;
        tx.put_assessment(&Assessment { valid: false, ..overridden })?;
    }
    tx.put_assessment(&assessment)?;
    record(tx, "trace.assessed", &assessment)?;
    Ok(assessment)
}

/// One assessment of a trace.
///
/// # Errors
/// When there is none.
pub fn get(tx: &dyn ReadTx, trace: &str, id: &str) -> Result<Assessment> {
    if let Some(found) = tx.assessment(trace, id)? {
        return Ok(found);
    }
    info::get(tx, trace)?;
    Err(TrackingError::NoAssessment { id: id.to_owned(), trace: trace.to_owned() })
}

/// What changes of an assessment; what is not given stays.
#[derive(Clone, Debug, Default)]
pub struct Change {
    /// Its name.
    pub name: Option<String>,
    /// The judgement; its kind cannot change.
    pub judgement: Option<Judgement>,
    /// Why.
    pub rationale: Option<String>,
    /// Metadata that is added.
    pub metadata: BTreeMap<String, String>,
}

/// Changes an assessment.
///
/// # Errors
/// When there is none, or its kind would change.
pub fn update(tx: &mut dyn WriteTx, trace: &str, id: &str, change: Change) -> Result<Assessment> {
    let mut assessment = get(tx, trace, id)?;
    if let Some(name) = change.name {
        validation::check_length("assessment_name", &name, NAME)?;
        assessment.name = name;
    }
    if let Some(mut judgement) = change.judgement {
        if judgement.kind() != assessment.judgement.kind() {
            let named = |kind: &str| match kind {
                "feedback" => "a Feedback",
                "expectation" => "an Expectation",
                _ => "an Issue",
            };
            return invalid(format!(
                "Cannot update {} value on {} assessment.",
                judgement.kind(),
                named(assessment.judgement.kind())
            ));
        }
        check_judgement(&mut judgement)?;
        assessment.judgement = judgement;
    }
    assessment.rationale = change.rationale.or(assessment.rationale);
    assessment.metadata.extend(change.metadata);
    assessment.updated = tx.now();
    tx.put_assessment(&assessment)?;
    record(tx, "trace.assessment_updated", &assessment)?;
    Ok(assessment)
}

/// Deletes an assessment. The one that it overrides is valid again. Deleting one that does not exist
/// does nothing.
///
/// # Errors
/// When the store fails.
pub fn delete(tx: &mut dyn WriteTx, trace: &str, id: &str) -> Result<()> {
    let Some(assessment) = tx.assessment(trace, id)? else { return Ok(()) };
    if let Some(overridden) = &assessment.overrides
        && let Some(overridden) = tx.assessment(trace, overridden)?
    {
        tx.put_assessment(&Assessment { valid: true, ..overridden })?;
    }
    tx.delete_assessment(trace, id)?;
    record(tx, "trace.assessment_deleted", &assessment)
}
