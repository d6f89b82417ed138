//! Which rows of a column break a rule.

use std::borrow::Cow;
use std::collections::HashSet;

use mainspring_tables::{Column, Kind, Table};

use crate::contract::LogicalType;

/// One value of a column, as a rule sees it.
pub(crate) enum Cell<'a> {
    Null,
    Number(f64),
    Text(Cow<'a, str>),
}

impl Cell<'_> {
    /// The finite number this value is or reads as.
    pub(crate) fn number(&self) -> Option<f64> {
        let number = match self {
            Self::Null => return None,
            Self::Number(number) => *number,
            Self::Text(text) => text.parse().ok()?,
        };
        number.is_finite().then_some(number)
    }

    /// The text this value is written as.
    pub(crate) fn text(&self) -> Cow<'_, str> {
        match self {
            Self::Null => Cow::Borrowed(""),
            Self::Number(number) => Cow::Owned(number.to_string()),
            Self::Text(text) => Cow::Borrowed(text),
        }
    }

    /// Whether this value, not null, is of the type; without a type, whether it is not NaN or infinite.
    pub(crate) fn is_of(&self, logical_type: Option<LogicalType>) -> bool {
        match (logical_type, self) {
            (None | Some(LogicalType::String), Self::Number(number)) => number.is_finite(),
            (None | Some(LogicalType::String), _) => true,
            (Some(LogicalType::Number), _) => self.number().is_some(),
            (Some(LogicalType::Integer), _) => self.number().is_some_and(|number| number.fract() == 0.0),
            (Some(LogicalType::Boolean), _) => matches!(&*self.text().to_ascii_lowercase(), "true" | "false"),
            (Some(LogicalType::Date), _) => is_date(&self.text()),
            (Some(LogicalType::Time), _) => is_time(&self.text()),
            (Some(LogicalType::Timestamp), _) => is_timestamp(&self.text()),
        }
    }
}

/// Null or NaN, which stands for a missing value wherever missing values are counted.
pub(crate) fn is_missing(cell: &Cell<'_>) -> bool {
    match cell {
        Cell::Null => true,
        Cell::Number(number) => number.is_nan(),
        Cell::Text(_) => false,
    }
}

/// The values of a column, in order.
pub(crate) fn cells<'a>(column: Column<'a>) -> Box<dyn Iterator<Item = Cell<'a>> + 'a> {
    match column.kind() {
        Kind::Integer | Kind::Number => {
            Box::new(column.numbers().map(|number| number.map_or(Cell::Null, Cell::Number)))
        }
        Kind::Boolean | Kind::Text => {
            Box::new(column.texts().map(|text| text.map_or(Cell::Null, Cell::Text)))
        }
    }
}

/// The rows whose value satisfies `broken`.
pub(crate) fn rows_where(column: Column<'_>, broken: impl Fn(&Cell<'_>) -> bool) -> Vec<usize> {
    cells(column).enumerate().filter(|(_, cell)| broken(cell)).map(|(row, _)| row).collect()
}

/// The rows that repeat an earlier row in `columns`; a row with nulls in all of them repeats nothing.
/// `None` if a column is missing.
pub(crate) fn repeated_rows(table: &Table, columns: &[String]) -> Option<Vec<usize>> {
    let columns: Option<Vec<Column<'_>>> = columns.iter().map(|name| table.column(name)).collect();
    let mut values: Vec<_> = columns?.into_iter().map(cells).collect();
    let mut seen: HashSet<String> = HashSet::with_capacity(table.rows());
    let mut repeated = Vec::new();
    for row in 0..table.rows() {
        let (mut key, mut all_null) = (String::new(), true);
        for cell in values.iter_mut().filter_map(Iterator::next) {
            all_null &= is_missing(&cell);
            key.push(if is_missing(&cell) { '\u{0}' } else { '\u{1}' });
            key.push_str(&cell.text());
        }
        if !all_null && !seen.insert(key) {
            repeated.push(row);
        }
    }
    Some(repeated)
}

fn is_date(text: &str) -> bool {
    let mut parts = text.splitn(3, '-');
    let mut next = |width: usize| parts.next().and_then(|part| digits(part, width));
    let (Some(year), Some(month), Some(day)) = (next(4), next(2), next(2)) else {
        return false;
    };
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        1..=12 => 31,
        _ => return false,
    };
    (1..=days).contains(&day)
}

fn is_time(text: &str) -> bool {
    let (clock, fraction) = text.split_once('.').map_or((text, None), |(clock, rest)| (clock, Some(rest)));
    let parts: Vec<Option<u32>> = clock.split(':').map(|part| digits(part, 2)).collect();
    let fraction_fits = fraction.is_none_or(|rest| {
        parts.len() == 3 && !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit())
    });
    let clock_fits = match parts.as_slice() {
        [Some(hour), Some(minute)] => *hour < 24 && *minute < 60,
        [Some(hour), Some(minute), Some(second)] => *hour < 24 && *minute < 60 && *second < 61,
        _ => false,
    };
    clock_fits && fraction_fits
}

fn is_timestamp(text: &str) -> bool {
    let Some((date, time)) = text.split_once(['T', ' ']) else {
        return false;
    };
    let time = match time.strip_suffix('Z') {
        Some(time) => time,
        None => match time.rsplit_once(['+', '-']) {
            Some((time, zone)) if is_time(zone) || digits(zone, 4).is_some() || digits(zone, 2).is_some() => {
                time
            }
            Some(_) => return false,
            None => time,
        },
    };
    is_date(date) && is_time(time)
}

fn digits(text: &str, width: usize) -> Option<u32> {
    let fits = text.len() == width && text.bytes().all(|byte| byte.is_ascii_digit());
    fits.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_times_as_iso_8601_writes_them() {
        for good in ["2013-02-28", "2012-02-29", "2000-02-29"] {
            assert!(is_date(good), "{good}");
        }
        for bad in ["2013-02-29", "2013-13-01", "2013-1-1", "13-01-01", "2013-01-01x", "", "1900-02-29"] {
            assert!(!is_date(bad), "{bad}");
        }
        for good in [
            "2013-01-01T05:00:00Z",
            "2013-01-01 05:00",
            "2013-01-01T05:00:00.25+01:00",
            "2013-01-01T05:00-0500",
        ] {
            assert!(is_timestamp(good), "{good}");
        }
        for bad in ["2013-01-01", "2013-01-01T25:00", "2013-01-01T05:00+x", "2013-01-01T05:00."] {
            assert!(!is_timestamp(bad), "{bad}");
        }
    }
}
