//! Interpreters of a version.

use crate::interpreter;
use std::path::{Path, PathBuf};

/// The oldest version that the worker runs on.
const OLDEST: (u32, u32) = (3, 11);
/// The installation is told apart by its prefix, whichever environment of it was asked.
const ASK: &str = "import sys; print(sys.version_info[0], sys.version_info[1], sys.base_prefix)";

/// An interpreter that answered.
#[derive(Debug)]
pub(super) struct Python {
    pub(super) program: PathBuf,
    pub(super) version: (u32, u32),
    /// Where its installation lies.
    pub(super) base: String,
}

/// The project's interpreter if it has the version that is wanted, or `pythonX.Y` from `PATH`.
///
/// # Errors
/// When there is none.
pub(super) async fn find(project: &Path, wanted: Option<(u32, u32)>) -> Result<Python, String> {
    let own = ask(project).await?;
    let Some(wanted) = wanted.filter(|wanted| *wanted != own.version) else { return Ok(own) };
    let (major, minor) = wanted;
    if wanted < OLDEST {
        let (oldest, oldest_minor) = OLDEST;
        return Err(format!(
            "the model was logged with Python {major}.{minor}, and workers need {oldest}.{oldest_minor} or newer"
        ));
    }
    let program = format!("python{major}.{minor}");
    let path = std::env::var_os("PATH").unwrap_or_default();
    for folder in std::env::split_paths(&path) {
        let place = folder.join(&program);
        // What is there may be a stand-in for versions that are not installed.
        if place.is_file()
            && let Ok(found) = ask(&place).await
            && found.version == wanted
        {
            return Ok(found);
        }
    }
    Err(format!(
        "the model was logged with Python {major}.{minor}, the project's is {}.{}, and there is no `{program}` on \
         PATH; install it, or set `environment = \"project\"`",
        own.version.0, own.version.1
    ))
}

async fn ask(program: &Path) -> Result<Python, String> {
    let answer = interpreter::answer(program, ASK).await;
    let answer = answer.map_err(|error| format!("`{}`: {error}", program.display()))?;
    let mut words = answer.splitn(3, ' ');
    let mut number = || words.next().and_then(|word| word.parse().ok());
    match (number(), number(), words.next()) {
        (Some(major), Some(minor), Some(base)) => {
            Ok(Python { program: program.to_owned(), version: (major, minor), base: base.to_owned() })
        }
        _ => Err(format!("`{}` is no Python interpreter", program.display())),
    }
}
