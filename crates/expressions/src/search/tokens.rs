//! Filter text as tokens.

/// One token; `text` is what stands in the filter.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Token<'a> {
    pub(super) kind: Kind,
    pub(super) text: &'a str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Words, backtick- or double-quoted names, joined by dots.
    Name,
    /// `'...'`
    SingleQuoted,
    Number,
    /// `= != > >= < <=`
    Sign,
    /// A parenthesis with all that is in it.
    List,
    /// Anything else.
    Other,
}

impl Token<'_> {
    /// Whether this is the given keyword.
    pub(super) fn is_word(&self, word: &str) -> bool {
        self.kind == Kind::Name && self.text.eq_ignore_ascii_case(word)
    }
}

/// Cuts `text` into tokens. Never fails: an unclosed quote is a token of kind [`Kind::Other`].
pub(super) fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (kind, length) = next(rest, first);
        let (token, after) = rest.split_at(length);
        tokens.push(Token { kind, text: token });
        rest = after.trim_start();
    }
    tokens
}

/// Kind and length in bytes of the token at the start of `rest`.
fn next(rest: &str, first: char) -> (Kind, usize) {
    match first {
        '\'' => quoted(rest, '\'').map_or((Kind::Other, rest.len()), |length| (Kind::SingleQuoted, length)),
        '(' => list(rest),
        '=' => (Kind::Sign, 1),
        '>' | '<' => (Kind::Sign, if rest[1..].starts_with('=') { 2 } else { 1 }),
        '!' if rest[1..].starts_with('=') => (Kind::Sign, 2),
        '`' | '"' => name(rest),
        first if first == '_' || first.is_alphabetic() => name(rest),
        first if first.is_ascii_digit() || matches!(first, '-' | '+' | '.') => number(rest, first),
        first => (Kind::Other, first.len_utf8()),
    }
}

/// Length of the quoted text at the start of `rest`, quotes included.
fn quoted(rest: &str, quote: char) -> Option<usize> {
    rest[1..].find(quote).map(|end| end + 2)
}

/// `part.part...`, each part a word or quoted.
fn name(rest: &str) -> (Kind, usize) {
    let mut length = 0;
    loop {
        let part = &rest[length..];
        length += match part.chars().next() {
            Some(quote @ ('`' | '"')) => match quoted(part, quote) {
                Some(quoted) => quoted,
                None => return (Kind::Other, rest.len()),
            },
            _ => part.find(|c: char| !is_word(c)).unwrap_or(part.len()),
        };
        let continues = rest[length..]
            .strip_prefix('.')
            .is_some_and(|part| part.starts_with(|c: char| is_word(c) || c == '`' || c == '"'));
        if !continues {
            return (Kind::Name, length);
        }
        length += 1;
    }
}

fn is_word(character: char) -> bool {
    character == '_' || character.is_alphanumeric()
}

fn number(rest: &str, first: char) -> (Kind, usize) {
    let sign = usize::from(matches!(first, '-' | '+'));
    let mut previous = ' ';
    let end = rest[sign..].find(|c: char| {
        let exponent_sign = matches!(c, '-' | '+') && matches!(previous, 'e' | 'E');
        previous = c;
        !(c.is_ascii_alphanumeric() || c == '.' || exponent_sign)
    });
    let length = end.map_or(rest.len(), |end| sign + end);
    let digits = rest[sign..length].starts_with(|c: char| c.is_ascii_digit() || c == '.');
    let is_number = digits && rest[..length].parse::<f64>().is_ok_and(f64::is_finite);
    (if is_number { Kind::Number } else { Kind::Other }, length.max(first.len_utf8()))
}

/// A parenthesis to its end, quotes respected.
fn list(rest: &str) -> (Kind, usize) {
    let mut quote = None;
    for (place, character) in rest.char_indices() {
        match quote {
            Some(open) if character == open => quote = None,
            Some(_) => {}
            None if matches!(character, '\'' | '"') => quote = Some(character),
            None if character == ')' => return (Kind::List, place + 1),
            None => {}
        }
    }
    (Kind::Other, rest.len())
}
