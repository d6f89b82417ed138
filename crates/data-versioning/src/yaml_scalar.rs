//! Text as ruamel.yaml writes it in a mapping: plain where it reads back as text, quoted otherwise.

/// `text` (without control characters) as a YAML scalar.
pub(crate) fn yaml_scalar(text: &str) -> String {
    if is_plain(text) { text.to_owned() } else { format!("'{}'", text.replace('\'', "''")) }
}

fn is_plain(text: &str) -> bool {
    let mut characters = text.chars();
    let (Some(first), second) = (characters.next(), characters.next()) else {
        return false;
    };
    let starts_plain = match first {
        '-' | '?' | ':' => second.is_some_and(|next| next != ' '),
        _ => !",[]{}#&*!|>'\"%@` ".contains(first),
    };
    let document_mark = text.starts_with("---") || text.starts_with("...");
    let separates = text.contains(": ") || text.contains(" #") || text.ends_with([':', ' ']);
    starts_plain && !document_mark && !separates && !reads_as_other_than_text(text)
}

/// Whether YAML 1.1 or 1.2 gives plain `text` another type: null, boolean, number, date.
fn reads_as_other_than_text(text: &str) -> bool {
    const WORDS: [&str; 12] = ["~", "null", "true", "false", "yes", "no", "on", "off", "y", "n", "=", "<<"];
    if WORDS.contains(&text.to_ascii_lowercase().as_str()) {
        return true;
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if matches!(unsigned.to_ascii_lowercase().as_str(), ".inf" | ".nan") {
        return true;
    }
    let Some(first) = unsigned.chars().next() else {
        return false;
    };
    if !first.is_ascii_digit() && first != '.' {
        return false;
    }
    if unsigned.starts_with('.') && !unsigned[1..].starts_with(|c: char| c.is_ascii_digit()) {
        return false;
    }
    let prefixed = ["0x", "0o", "0b"].iter().any(|prefix| {
        unsigned
            .strip_prefix(prefix)
            .is_some_and(|rest| rest.chars().all(|c| c.is_ascii_hexdigit() || c == '_'))
    });
    let plain_number = {
        let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
        let exponent = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
        let digits = |text: &str| text.chars().all(|c| c.is_ascii_digit() || c == '_');
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        digits(whole) && digits(fraction) && !exponent.is_empty() && digits(exponent)
    };
    let sexagesimal = unsigned.contains(':')
        && unsigned.chars().all(|c| c.is_ascii_digit() || matches!(c, ':' | '.' | '_'));
    prefixed || plain_number || sexagesimal || is_date(text)
}

fn is_date(text: &str) -> bool {
    let head = text.split(['T', 't', ' ']).next().unwrap_or_default();
    let parts: Vec<&str> = head.split('-').collect();
    let digits = |part: &str, lengths: &[usize]| {
        lengths.contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
    };
    matches!(parts.as_slice(), [y, m, d] if digits(y, &[4]) && digits(m, &[1, 2]) && digits(d, &[1, 2]))
}

#[cfg(test)]
mod tests {
    use super::yaml_scalar;

    #[test]
    fn quotes_only_what_would_be_misread() {
        for plain in
            ["a.csv", "my file.csv", "flights-2013-01.csv", "ü", "-x", "a:b", "2013-01.csv", "x y#z", "1.2.3"]
        {
            assert_eq!(yaml_scalar(plain), plain);
        }
        for quoted in [
            "true",
            "No",
            "123",
            "1e5",
            "0x1f",
            "2020-01-01",
            "~",
            "a: b",
            "a #b",
            "[a]",
            "- x",
            "12:30",
            "1_000",
            ".5",
        ] {
            assert_eq!(yaml_scalar(quoted), format!("'{quoted}'"));
        }
        assert_eq!(yaml_scalar("'"), "''''");
    }
}
