//! Errors as the command line shows them, and the exit codes.

use thiserror::Error;

/// How a command ends.
///
/// | code | meaning |
/// |---|---|
/// | 0 | done, passed |
/// | 1 | a gate, a run or a check said no |
/// | 2 | wrong usage or bad input |
/// | 3 | something outside failed: no server, no file, no disk; a retry may help |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ExitCode {
    /// 0
    Ok,
    /// 1
    No,
    /// 2
    Usage,
    /// 3
    Outside,
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(match code {
            ExitCode::Ok => 0,
            ExitCode::No => 1,
            ExitCode::Usage => 2,
            ExitCode::Outside => 3,
        })
    }
}

/// An error with what to do about it.
#[derive(Debug, Error)]
#[error("{message}")]
pub(crate) struct CliError {
    message: String,
    hint: Option<String>,
    code: ExitCode,
}

impl CliError {
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None, code: ExitCode::Usage }
    }

    pub(crate) fn outside(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None, code: ExitCode::Outside }
    }

    pub(crate) fn no(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None, code: ExitCode::No }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(crate) fn hint_text(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    pub(crate) const fn exit_code(&self) -> ExitCode {
        self.code
    }
}

impl From<std::io::Error> for CliError {
    fn from(error: std::io::Error) -> Self {
        Self::outside(error.to_string())
    }
}
