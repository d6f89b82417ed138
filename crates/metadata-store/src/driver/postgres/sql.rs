//! The areas' SQL in PostgreSQL's words.

/// Translates a statement: placeholders, lists and the functions that gather rows into JSON.
pub(super) fn translate(sql: &str) -> String {
    let mut out = String::with_capacity(sql.len() + 16);
    let mut rest = sql;
    while let Some(at) = rest.find(['\'', '?', 'I', 'N', 'j']) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let (written, after) = token(rest);
        out.push_str(&written);
        rest = after;
    }
    out.push_str(rest);
    out
}

/// What the beginning of `rest` becomes, and what follows it.
fn token(rest: &str) -> (std::borrow::Cow<'_, str>, &str) {
    for (list, comparison) in [("NOT IN", "<> ALL"), ("IN", "= ANY")] {
        let of_list =
            rest.strip_prefix(list).and_then(|rest| rest.strip_prefix(" (SELECT value FROM json_each(?"));
        if let Some(after) = of_list {
            let digits = after.len() - after.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            if let Some(end) = after[digits..].strip_prefix("))") {
                return (format!("{comparison}(${})", &after[..digits]).into(), end);
            }
        }
    }
    for (ours, theirs) in [
        ("json_group_array(", "json_agg("),
        ("json_object(", "json_build_object("),
        ("json_array(", "json_build_array("),
        ("?", "$"),
    ] {
        if let Some(after) = rest.strip_prefix(ours) {
            return (theirs.into(), after);
        }
    }
    if let Some(text) = rest.strip_prefix('\'') {
        let end = text.find('\'').map_or(rest.len(), |end| end + 2);
        return (rest[..end].into(), &rest[end..]);
    }
    let (first, after) = rest.split_at(1);
    (first.into(), after)
}

/// Whether a statement changes rows.
pub(super) fn writes(sql: &str) -> bool {
    ["INSERT", "UPDATE", "DELETE"].iter().any(|verb| sql.trim_start().starts_with(verb))
}

#[cfg(test)]
mod tests {
    use super::{translate, writes};

    #[test]
    fn statements_are_put_into_other_words() {
        for (sql, expected) in [
            (
                "SELECT a FROM t WHERE b = ?1 AND c = '?1' LIMIT ?12",
                "SELECT a FROM t WHERE b = $1 AND c = '?1' LIMIT $12",
            ),
            ("a IN (SELECT value FROM json_each(?3)) AND b", "a = ANY($3) AND b"),
            ("a NOT IN (SELECT value FROM json_each(?3))", "a <> ALL($3)"),
            ("id IN (SELECT MAX(id) FROM t)", "id IN (SELECT MAX(id) FROM t)"),
            (
                "SELECT json_group_array(json_object('key', t.key) ORDER BY t.key), json_array(a)",
                "SELECT json_agg(json_build_object('key', t.key) ORDER BY t.key), json_build_array(a)",
            ),
        ] {
            assert_eq!(translate(sql), expected);
        }
    }

    #[test]
    fn changes_are_told_from_queries() {
        assert!(writes(" INSERT INTO t VALUES (1) RETURNING id"));
        assert!(!writes("SELECT 1"));
    }
}
