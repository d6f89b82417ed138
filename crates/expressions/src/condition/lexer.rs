//! Text into tokens.

use super::ConditionError;

/// A piece of a condition.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    Int(i64),
    Float(f64),
    Text(String),
    /// A name or a keyword.
    Name(String),
    /// An operator or bracket.
    Mark(&'static str),
}

/// Operators and brackets, the longer before their beginnings.
const MARKS: [&str; 36] = [
    "...", "&&", "||", "==", "!=", "<=", ">=", "**", "??", "?.", "..", "+", "-", "*", "/", "%", "^", "<",
    ">", "!", "?", ":", "(", ")", "[", "]", "{", "}", ",", ".", "#", "|", ";", "=", "&", "~",
];

/// The tokens with the character each begins at, from 1.
pub(super) fn tokens(text: &str) -> Result<Vec<(usize, Token)>, ConditionError> {
    let mut found = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start();
        let Some(first) = rest.chars().next() else { return Ok(found) };
        let at = text[..text.len() - rest.len()].chars().count() + 1;
        let (token, length) = if first.is_ascii_digit() {
            number(rest, at)?
        } else if first.is_alphabetic() || first == '_' || first == '$' {
            let end =
                rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '$')).unwrap_or(rest.len());
            (Token::Name(rest[..end].to_owned()), end)
        } else if matches!(first, '"' | '\'' | '`') {
            quoted(rest, first, at)?
        } else {
            let mark = MARKS.into_iter().find(|mark| rest.starts_with(mark)).ok_or_else(|| {
                ConditionError::new(format!("unrecognized character {first:?} at character {at}"))
            })?;
            (Token::Mark(mark), mark.len())
        };
        found.push((at, token));
        rest = &rest[length..];
    }
}

fn number(rest: &str, at: usize) -> Result<(Token, usize), ConditionError> {
    let bytes = rest.as_bytes();
    let mut end = 0;
    let mut fraction = false;
    while let Some(byte) = bytes.get(end) {
        let next = bytes.get(end + 1).copied().unwrap_or(b' ');
        match byte {
            b'0'..=b'9' | b'_' => {}
            // `1..3` is a range, not a number with a point.
            b'.' if !fraction && next != b'.' => fraction = true,
            b'e' | b'E' if next.is_ascii_digit() || matches!(next, b'+' | b'-') => {
                fraction = true;
                end += 1;
            }
            _ => break,
        }
        end += 1;
    }
    let digits = rest[..end].replace('_', "");
    let bad = || ConditionError::new(format!("bad number {:?} at character {at}", &rest[..end]));
    let token = if fraction {
        Token::Float(digits.parse().map_err(|_| bad())?)
    } else {
        Token::Int(digits.parse().map_err(|_| bad())?)
    };
    Ok((token, end))
}

fn quoted(rest: &str, quote: char, at: usize) -> Result<(Token, usize), ConditionError> {
    let mut text = String::new();
    let mut characters = rest.char_indices().skip(1);
    while let Some((position, character)) = characters.next() {
        match character {
            '\\' if quote != '`' => match characters.next() {
                Some((_, 'n')) => text.push('\n'),
                Some((_, 't')) => text.push('\t'),
                Some((_, 'r')) => text.push('\r'),
                Some((_, other)) => text.push(other),
                None => break,
            },
            end if end == quote => return Ok((Token::Text(text), position + quote.len_utf8())),
            other => text.push(other),
        }
    }
    Err(ConditionError::new(format!("the text that begins at character {at} does not end")))
}
