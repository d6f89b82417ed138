//! Cron expressions in a time zone.

use croner::Cron;
use jiff::tz::TimeZone;
use std::str::FromStr as _;
use thiserror::Error;

/// A cron expression that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{expression}` is not a cron expression: {reason}")]
pub struct CronError {
    expression: String,
    reason: String,
}

/// A readable cron expression.
#[derive(Clone, Debug)]
pub struct Schedule {
    cron: Cron,
}

impl Schedule {
    /// Reads five fields or a preset such as `@daily` (Airflow's, `@quarterly` included).
    ///
    /// # Errors
    /// Says what cannot be read.
    pub fn parse(expression: &str) -> Result<Self, CronError> {
        let fields = match expression.trim() {
            "@hourly" => "0 * * * *",
            "@daily" | "@midnight" => "0 0 * * *",
            "@weekly" => "0 0 * * 0",
            "@monthly" => "0 0 1 * *",
            "@quarterly" => "0 0 1 */3 *",
            "@yearly" | "@annually" => "0 0 1 1 *",
            other => other,
        };
        Cron::from_str(fields)
            .map(|cron| Self { cron })
            .map_err(|error| CronError { expression: expression.to_owned(), reason: error.to_string() })
    }

    /// The first moment strictly after `millis` (milliseconds since the epoch) in a time zone.
    /// `None` when there is none, or the zone is unknown.
    #[must_use]
    pub fn next_after(&self, millis: i64, zone: &str) -> Option<i64> {
        let found = self.cron.find_next_occurrence(&zoned(millis, zone)?, false).ok()?;
        Some(found.timestamp().as_millisecond())
    }

    /// The last moment strictly before `millis`; otherwise as [`Schedule::next_after`].
    #[must_use]
    pub fn prev_before(&self, millis: i64, zone: &str) -> Option<i64> {
        // Occurrences fall on whole seconds and the search ignores fractions: look from the next one.
        let second = millis.div_euclid(1000) + i64::from(millis.rem_euclid(1000) > 0);
        let found = self.cron.find_previous_occurrence(&zoned(second * 1000, zone)?, false).ok()?;
        Some(found.timestamp().as_millisecond())
    }
}

fn zoned(millis: i64, zone: &str) -> Option<jiff::Zoned> {
    let zone = TimeZone::get(zone).ok()?;
    Some(jiff::Timestamp::from_millisecond(millis).ok()?.to_zoned(zone))
}

#[cfg(test)]
mod tests {
    use super::Schedule;

    fn millis(text: &str) -> i64 {
        text.parse::<jiff::Timestamp>().unwrap().as_millisecond()
    }

    #[test]
    fn neighbours_are_strict() {
        let daily = Schedule::parse("@daily").unwrap();
        let midnight = millis("2026-03-01T00:00:00Z");
        assert_eq!(daily.next_after(midnight, "UTC"), Some(millis("2026-03-02T00:00:00Z")));
        assert_eq!(daily.prev_before(midnight, "UTC"), Some(millis("2026-02-28T00:00:00Z")));
        assert_eq!(daily.prev_before(midnight + 1, "UTC"), Some(midnight));
    }

    #[test]
    fn zones_have_their_own_midnight() {
        let daily = Schedule::parse("0 0 * * *").unwrap();
        let next = daily.next_after(millis("2026-07-01T12:00:00Z"), "America/New_York");
        assert_eq!(next, Some(millis("2026-07-02T04:00:00Z")));
        assert_eq!(daily.next_after(0, "Nowhere/At_All"), None);
    }

    #[test]
    fn nonsense_is_refused() {
        assert!(Schedule::parse("61 * * * *").is_err());
        assert!(Schedule::parse("now and then").is_err());
    }
}
