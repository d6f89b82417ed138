//! Errors of the driver, in words and in the store's terms.

use crate::StoreError;
use std::error::Error as _;
use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

/// The whole text of an error; the driver's own shows only its outermost part.
pub(super) fn text(error: &Error) -> String {
    match (error.as_db_error(), error.source()) {
        (Some(refusal), _) => match refusal.detail() {
            Some(detail) => format!("{} ({detail})", refusal.message()),
            None => refusal.message().to_owned(),
        },
        (None, Some(cause)) => format!("{error}: {cause}"),
        (None, None) => error.to_string(),
    }
}

/// Whether the connection ended with this error.
pub(super) fn is_loss(error: &Error) -> bool {
    if let Some(refusal) = error.as_db_error() {
        return matches!(refusal.severity(), "FATAL" | "PANIC");
    }
    error.is_closed() || error.source().is_some_and(<dyn std::error::Error>::is::<std::io::Error>)
}

/// The text that makes PostgreSQL, but not SQLite, refuse a value.
#[derive(Debug, thiserror::Error)]
#[error("a text contains the character NUL")]
pub(super) struct Nul;

impl From<Error> for StoreError {
    fn from(error: Error) -> Self {
        if error.source().is_some_and(<dyn std::error::Error>::is::<Nul>) {
            return Self::Unstorable(Nul.to_string());
        }
        match error.code() {
            Some(code)
                if *code == SqlState::PROGRAM_LIMIT_EXCEEDED
                    || *code == SqlState::CHARACTER_NOT_IN_REPERTOIRE
                    || *code == SqlState::UNTRANSLATABLE_CHARACTER =>
            {
                Self::Unstorable(text(&error))
            }
            _ if is_loss(&error) => Self::Unavailable(text(&error)),
            _ => Self::Postgres(text(&error)),
        }
    }
}
