//! Named parameters in SQL that somebody else wrote.

use crate::driver::select::{Select, SelectError};
use crate::driver::value::Value;
use std::fmt::Write as _;

/// The statement with numbers for its named parameters, and their values by number. `:name` within
/// quotes and comments is text.
pub(super) fn numbered(select: &Select<'_>) -> Result<(String, Vec<Value<'static>>), SelectError> {
    let mut out = String::with_capacity(select.sql.len() + 64);
    let (mut names, mut values): (Vec<&str>, Vec<Value<'static>>) = (Vec::new(), Vec::new());
    let mut rest = select.sql;
    while let Some(at) = rest.find(['\'', '"', '-', '/', '$', ':']) {
        let in_word = |text: &str| text.ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '$');
        let (before, token) = rest.split_at(at);
        out.push_str(before);
        let name = token.len() - token[1..].trim_start_matches(is_name).len();
        let length = match token.as_bytes() {
            [b'\'', ..] => {
                let escapes = out.strip_suffix(['e', 'E']).is_some_and(|before| !in_word(before));
                quoted(token, escapes)
            }
            [b'"', ..] => closed(token, 1, "\""),
            [b'-', b'-', ..] => closed(token, 2, "\n"),
            [b'/', b'*', ..] => comment(token),
            [b'$', next, ..] if !in_word(&out) => {
                if next.is_ascii_digit() {
                    return Err(SelectError::Parameter(token[..name].to_owned()));
                }
                match token[name..].strip_prefix('$') {
                    Some(_) => closed(token, name + 1, &token[..=name]),
                    None => name,
                }
            }
            // A cast, and the assignment of named notation.
            [b':', b':' | b'=', ..] => 2,
            [b':', next, ..] if next.is_ascii_alphabetic() || *next == b'_' => {
                let written = &token[..name];
                let known = names.iter().position(|known| *known == written);
                let number = match known {
                    Some(index) => index + 1,
                    None => {
                        values.push(Value::Real(select.parameter(written)?));
                        names.push(written);
                        names.len()
                    }
                };
                // Writing to a text does not fail.
                let _ = write!(out, "CAST(${number} AS double precision)");
                rest = &token[name..];
                continue;
            }
            _ => 1,
        };
        let (token, after) = token.split_at(length);
        out.push_str(token);
        rest = after;
    }
    out.push_str(rest);
    Ok((out, values))
}

const fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// The length of a token up to and with what closes it; all of the text when nothing does.
fn closed(token: &str, open: usize, close: &str) -> usize {
    token[open..].find(close).map_or(token.len(), |at| open + at + close.len())
}

/// The length of a text in single quotes. Two quotes within it are read as two texts.
fn quoted(token: &str, escapes: bool) -> usize {
    if !escapes {
        return closed(token, 1, "'");
    }
    let mut escaped = false;
    let end = token.bytes().enumerate().skip(1).find(|(_, byte)| {
        let ends = *byte == b'\'' && !escaped;
        escaped = *byte == b'\\' && !escaped;
        ends
    });
    end.map_or(token.len(), |(at, _)| at + 1)
}

/// The length of a comment, which may hold others.
fn comment(token: &str) -> usize {
    let (mut depth, mut at) = (0_u32, 0);
    while let Some(found) = token[at..].find(['/', '*']) {
        at += found;
        match &token.as_bytes()[at..] {
            [b'/', b'*', ..] => {
                depth += 1;
                at += 2;
            }
            [b'*', b'/', ..] => {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    return at;
                }
            }
            _ => at += 1,
        }
    }
    token.len()
}

#[cfg(test)]
mod tests {
    use super::numbered;
    use crate::driver::select::{Select, SelectError};
    use crate::driver::value::Value;
    use std::time::Duration;

    fn read(sql: &str) -> Result<(String, Vec<Value<'static>>), SelectError> {
        let parameters = &[("from", 1.0), ("until", 2.0)];
        let time_limit = Duration::from_secs(1);
        numbered(&Select { sql, parameters, columns: &[], max_rows: 1, time_limit })
    }

    #[test]
    fn parameters_are_numbered_in_their_order() {
        let (sql, values) = read("a < :until AND b > :from AND c < :until").unwrap();
        let cast = |number| format!("CAST(${number} AS double precision)");
        assert_eq!(sql, format!("a < {} AND b > {} AND c < {}", cast(1), cast(2), cast(1)));
        assert_eq!(values, [Value::Real(2.0), Value::Real(1.0)]);
    }

    #[test]
    fn what_only_looks_like_a_parameter_stays() {
        for sql in [
            "SELECT ':from', '''  :from', \":from\" -- :from",
            "SELECT e'\\':from', E'\\\\', name' :x' /* :from /* nested */ :from */ -- end",
            "SELECT a::text, a[1:2], f(x := 1), $$ :from $$, $q$ :from $$ :from $q$, a$b, 5 - 2, 6 / 3",
            "SELECT 'open :from",
            "SELECT ä, 'ß' /* open /* :from */",
            "SELECT $",
        ] {
            let (read, values) = read(sql).unwrap();
            assert_eq!((read.as_str(), values.len()), (sql, 0));
        }
    }

    #[test]
    fn other_parameters_are_refused() {
        for (sql, written) in [("a = :since", ":since"), ("a = $1", "$1"), ("a = $12 + 1", "$12")] {
            assert_eq!(read(sql), Err(SelectError::Parameter(written.to_owned())));
        }
    }
}
