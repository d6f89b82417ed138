//! Which data interval the clock asks for next (Airflow's interval rules).

use mainspring_domain::Timestamp;
use mainspring_domain::pipelines::{DagSpec, Schedule};
use mainspring_expressions::cron;
use std::time::Duration;

/// The next interval of a graph that is complete by now, given the end of the last one scheduled.
/// `None` when nothing is due or the schedule cannot be read.
pub(crate) fn due(
    dag: &DagSpec,
    last_end: Option<Timestamp>,
    now: Timestamp,
) -> Option<(Timestamp, Timestamp)> {
    let first_allowed = dag.start_date.as_deref().and_then(Timestamp::parse);
    let last_allowed = dag.end_date.as_deref().and_then(Timestamp::parse);
    let (start, end) = match dag.schedule.as_ref()? {
        Schedule::Once => match last_end {
            Some(_) => return None,
            None => {
                let at = first_allowed.unwrap_or(now);
                (at, at)
            }
        },
        Schedule::Interval { seconds } => {
            let length = Duration::try_from_secs_f64(*seconds).ok().filter(|length| !length.is_zero())?;
            let latest = now - length;
            let start = match last_end {
                Some(end) if dag.catchup => end,
                Some(end) => end.max(latest),
                None if dag.catchup => first_allowed.unwrap_or(latest),
                None => latest,
            };
            (start, start + length)
        }
        Schedule::Cron { expression } => cron_interval(dag, expression, first_allowed, last_end, now)?,
    };
    let allowed =
        first_allowed.is_none_or(|first| start >= first) && last_allowed.is_none_or(|last| start <= last);
    (allowed && end <= now).then_some((start, end))
}

fn cron_interval(
    dag: &DagSpec,
    expression: &str,
    first_allowed: Option<Timestamp>,
    last_end: Option<Timestamp>,
    now: Timestamp,
) -> Option<(Timestamp, Timestamp)> {
    let schedule = cron::Schedule::parse(expression).ok()?;
    let next = |time: Timestamp| schedule.next_after(time.as_millis(), "UTC").map(Timestamp::from_millis);
    let previous =
        |time: Timestamp| schedule.prev_before(time.as_millis(), "UTC").map(Timestamp::from_millis);
    let millisecond = Duration::from_millis(1);
    let latest_end = previous(now + millisecond)?;
    let latest_start = previous(latest_end)?;
    let earliest = match first_allowed {
        Some(first) if dag.catchup => next(first - millisecond)?,
        Some(first) => next(first - millisecond)?.max(latest_start),
        None => latest_start,
    };
    let start = last_end.map_or(earliest, |end| end.max(earliest));
    Some((start, next(start)?))
}

#[cfg(test)]
mod tests {
    use super::due;
    use mainspring_domain::Timestamp;
    use mainspring_domain::pipelines::{DagSpec, Schedule};

    fn dag(catchup: bool) -> DagSpec {
        DagSpec {
            dag_id: "d".into(),
            description: None,
            schedule: Some(Schedule::Cron { expression: "0 0 * * *".into() }),
            start_date: Some("2026-01-01T00:00:00Z".into()),
            end_date: None,
            catchup,
            max_active_runs: 1,
            max_active_tasks: 1,
            dagrun_timeout_seconds: None,
            tags: Vec::new(),
            params: serde_json::Map::new(),
            tasks: Vec::new(),
        }
    }

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    #[test]
    fn without_catchup_only_the_latest_complete_interval_is_due() {
        let now = at("2026-01-10T12:00:00Z");
        assert_eq!(
            due(&dag(false), None, now),
            Some((at("2026-01-09T00:00:00Z"), at("2026-01-10T00:00:00Z")))
        );
        assert_eq!(due(&dag(false), Some(at("2026-01-10T00:00:00Z")), now), None);
        assert_eq!(
            due(&dag(false), Some(at("2026-01-03T00:00:00Z")), now),
            Some((at("2026-01-09T00:00:00Z"), at("2026-01-10T00:00:00Z")))
        );
    }

    #[test]
    fn with_catchup_each_interval_is_due_in_turn() {
        let now = at("2026-01-03T12:00:00Z");
        let first = due(&dag(true), None, now).unwrap();
        assert_eq!(first, (at("2026-01-01T00:00:00Z"), at("2026-01-02T00:00:00Z")));
        let second = due(&dag(true), Some(first.1), now).unwrap();
        assert_eq!(second.0, first.1);
        assert_eq!(due(&dag(true), Some(second.1), now), None);
    }

    #[test]
    fn nothing_is_due_before_the_start_date() {
        assert_eq!(due(&dag(false), None, at("2026-01-01T12:00:00Z")), None);
    }
}
