//! Durations as people write them: `10s`, `1m30s`, `500ms`, `2h`; a bare number is seconds.

use std::time::Duration;
use thiserror::Error;

/// A text that is no duration.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{0}` is not a duration like `30s`, `5m`, `1h30m`, `500ms`")]
pub struct DurationError(String);

/// The units, longest name first so that `ms` is not read as `m`.
const UNITS: [(&str, f64); 5] = [("ms", 1e-3), ("d", 86_400.0), ("h", 3_600.0), ("m", 60.0), ("s", 1.0)];

/// Reads a duration.
///
/// # Errors
/// When the text is empty, has an unknown unit or a negative or overlong value.
pub fn parse(text: &str) -> Result<Duration, DurationError> {
    let error = || DurationError(text.to_owned());
    let mut rest = text.trim();
    if let Ok(seconds) = rest.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).map_err(|_| error());
    }
    if rest.is_empty() {
        return Err(error());
    }
    let mut total = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(error)?;
        let number: f64 = rest[..digits].parse().map_err(|_| error())?;
        rest = &rest[digits..];
        let (name, seconds) = UNITS.into_iter().find(|(name, _)| rest.starts_with(name)).ok_or_else(error)?;
        rest = &rest[name.len()..];
        total += number * seconds;
    }
    Duration::try_from_secs_f64(total).map_err(|_| error())
}

/// Writes a duration in the form that [`parse`] reads, to the millisecond.
#[must_use]
pub fn format(duration: Duration) -> String {
    let mut millis = duration.as_millis();
    if millis == 0 {
        return "0s".to_owned();
    }
    let mut text = String::new();
    for (name, unit) in [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)] {
        if millis >= unit {
            text.push_str(&format!("{}{name}", millis / unit));
            millis %= unit;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{format, parse};
    use proptest::prelude::*;
    use std::time::Duration;

    #[test]
    fn reads_what_people_write() {
        for (text, millis) in
            [("10s", 10_000), ("1m30s", 90_000), ("500ms", 500), ("2h", 7_200_000), ("45", 45_000)]
        {
            assert_eq!(parse(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "s", "10x", "-5s", "1m30", "1e400", "NaN"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(text in ".*") {
            let _ = parse(&text);
        }

        #[test]
        fn what_is_written_is_read_again(millis in 0_u64..1_000_000_000_000) {
            let duration = Duration::from_millis(millis);
            prop_assert!(parse(&format(duration)).unwrap().abs_diff(duration) < Duration::from_millis(1));
        }
    }
}
