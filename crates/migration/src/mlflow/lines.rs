//! Lines of metric files.

use mainspring_domain::Timestamp;
use mainspring_domain::tracking::Metric;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::path::Path;

/// The longest line that is taken for one: data set names are the longest part of it.
const LONGEST: u64 = 4096;

/// A line of a metric file.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Line {
    pub(super) point: Metric,
    /// What follows the step: names of runs and data sets.
    pub(super) rest: Vec<String>,
}

/// Hands the lines of a metric file to `each`, with their numbers; a line that is none as what it is.
pub(super) fn read<E: From<io::Error>>(
    path: &Path,
    key: &str,
    mut each: impl FnMut(usize, Result<Line, String>) -> Result<(), E>,
) -> Result<(), E> {
    let mut file = BufReader::new(File::open(path)?);
    let mut text = Vec::new();
    for number in 1.. {
        text.clear();
        if file.by_ref().take(LONGEST).read_until(b'\n', &mut text)? == 0 {
            break;
        }
        let ended = text.ends_with(b"\n") || text.len() < LONGEST as usize;
        if !ended {
            file.skip_until(b'\n')?;
        }
        let line = std::str::from_utf8(&text).ok().filter(|_| ended).map(str::trim);
        match line {
            Some("") => {}
            Some(line) => each(number, parse(key, line))?,
            None => each(number, Err("this is no line of a metric".to_owned()))?,
        }
    }
    Ok(())
}

fn parse(key: &str, line: &str) -> Result<Line, String> {
    let odd = || format!("`{}` is no point of a metric", line.chars().take(80).collect::<String>());
    let mut parts = line.split(' ');
    let timestamp: i64 = parts.next().and_then(|part| part.parse().ok()).ok_or_else(odd)?;
    let value = parts.next().and_then(number).ok_or_else(odd)?;
    // The oldest stores have no steps.
    let step = parts.next().map_or(Ok(0), |part| part.parse().map_err(|_| odd()))?;
    let point = Metric { key: key.to_owned(), value, timestamp: Timestamp::from_millis(timestamp), step };
    Ok(Line { point, rest: parts.map(str::to_owned).collect() })
}

/// A number as Python writes it.
fn number(text: &str) -> Option<f64> {
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn lines_of_all_ages_are_points() {
        let line = parse("m", "5 1e-3 7").unwrap();
        assert_eq!((line.point.timestamp.as_millis(), line.point.step), (5, 7));
        assert!((line.point.value - 0.001).abs() < 1e-12 && line.rest.is_empty());
        assert_eq!(parse("m", "5 1.5").unwrap().point.step, 0);
        assert!(parse("m", "5 nan 1").unwrap().point.value.is_nan());
        assert!(parse("m", "5 -inf 1").unwrap().point.value.is_infinite());
        assert_eq!(parse("m", "5 1 2 run data digest").unwrap().rest, ["run", "data", "digest"]);
        for odd in ["5", "x 1 2", "5 x 2", "5 1 x", "5 1 1.5"] {
            assert!(parse("m", odd).is_err(), "{odd}");
        }
    }
}
