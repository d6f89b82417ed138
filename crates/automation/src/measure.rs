//! Measuring live traffic for a rollout's analysis.

use mainspring_domain::Timestamp;
use mainspring_domain::delivery::{Arm, Rollout};
use mainspring_metadata_store::traits::ArmStatistics;
use mainspring_metadata_store::{Store, StoreError};
use mainspring_rollouts::{Quantity, Query};
use mainspring_stats::counts;

/// Bins of the comparison of scores: tenths, since scores are probabilities.
const BINS: usize = 10;

/// One measurement, or why there is none. Too few requests are no number: an analysis must not pass
/// because nobody came.
pub(crate) async fn measure(
    store: &Store,
    rollout: &Rollout,
    query: &Query,
    now: Timestamp,
) -> Result<f64, String> {
    let (model, version, previous) = (rollout.model.clone(), rollout.version, rollout.previous);
    // Requests from before the rollout are not evidence on it.
    let since = (now - query.window).max(rollout.created);
    let both = store
        .read(move |tx| {
            let canary = tx.arm_statistics(&model, Arm::Canary, version, since)?;
            let stable = match previous {
                Some(previous) => tx.arm_statistics(&model, Arm::Stable, previous, since)?,
                None => ArmStatistics::default(),
            };
            Ok::<_, StoreError>((canary, stable))
        })
        .await
        .map_err(|error| error.to_string())?;
    let (canary, stable) = both;
    if canary.requests < query.min_requests {
        let (found, needed) = (canary.requests, query.min_requests);
        return Err(format!("only {found} requests reached the canary in the window, {needed} are needed"));
    }
    match query.metric {
        Quantity::ErrorRate => Ok(canary.errors as f64 / canary.requests as f64),
        Quantity::LatencyP95Ms => p95_ms(&canary, "canary"),
        Quantity::LatencyP95Ratio => Ok(p95_ms(&canary, "canary")? / p95_ms(&stable, "stable")?.max(0.001)),
        Quantity::PredictionPsi => {
            if canary.scores.is_empty() || stable.scores.is_empty() {
                return Err("one side has no scores in the window".to_owned());
            }
            counts::psi(&histogram(&stable.scores), &histogram(&canary.scores), counts::ZeroFill::Epsilon)
                .ok_or_else(|| "the scores cannot be compared".to_owned())
        }
    }
}

fn p95_ms(statistics: &ArmStatistics, name: &str) -> Result<f64, String> {
    let sorted = &statistics.latencies_us;
    let position = (sorted.len() * 95).div_ceil(100).saturating_sub(1);
    sorted
        .get(position)
        .map(|micros| *micros as f64 / 1000.0)
        .ok_or_else(|| format!("{name} answered no request in the window"))
}

fn histogram(scores: &[f64]) -> Vec<u64> {
    let mut counts = vec![0; BINS];
    for score in scores.iter().filter(|score| score.is_finite()) {
        // Truncation is the point: the bin's number.
        let bin = (score.clamp(0.0, 1.0) * BINS as f64) as usize;
        counts[bin.min(BINS - 1)] += 1;
    }
    counts
}
