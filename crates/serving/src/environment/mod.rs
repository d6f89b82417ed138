//! Python environments made from what a model asks for, kept by its content: versions with the same
//! requirements share one. An environment counts when its `complete` file is there, which is written last;
//! whoever makes one holds its lock, which the programs that work for it inherit, so that nobody begins anew
//! beside what a server left behind.

mod build;
mod python;
mod requirements;

use crate::{ServerSettings, StartError};
use requirements::Wanted;
use sha2::{Digest as _, Sha256};
use std::path::{Path, PathBuf};
use tokio::time::Instant;

/// What is hashed first; another number when environments are made in another way.
const FORM: &str = "mainspring environment 1";

/// The interpreter of the environment that a model asks for, which is made if it is not there.
///
/// # Errors
/// When the model does not say what it needs, says it in a way that is not taken, or it cannot be had.
pub(crate) async fn interpreter(
    name: &str,
    model: &Path,
    folder: &Path,
    settings: &ServerSettings,
) -> Result<PathBuf, StartError> {
    let failed = StartError::Environment;
    let end = Instant::now() + settings.environment_timeout;
    let wanted = Wanted::read(model).map_err(failed)?;
    let python = python::find(&settings.python, wanted.python).await.map_err(failed)?;
    let key = key(&wanted, &python);
    let place =
        build::Place { folder: folder.join(&key), log: settings.logs.join(format!("environment-{key}.log")) };
    build::made(name, &wanted, &python, &place, end).await.map_err(failed)
}

/// The name of an environment: what it is made of, hashed.
fn key(wanted: &Wanted, python: &python::Python) -> String {
    let mut hash = Sha256::new();
    let version = format!("{}.{}", python.version.0, python.version.1);
    for part in [FORM, &version, &python.base, &wanted.requirements(), &wanted.constraints()] {
        hash.update(part.len().to_be_bytes());
        hash.update(part);
    }
    hash.finalize().iter().take(10).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::key;
    use super::python::Python;
    use super::requirements::Wanted;
    use std::path::PathBuf;

    #[test]
    fn equal_requirements_share_an_environment_and_others_do_not() {
        let wanted = |text: &str| {
            let folder = tempfile::tempdir().unwrap();
            std::fs::write(folder.path().join("requirements.txt"), text).unwrap();
            Wanted::read(folder.path()).unwrap()
        };
        let python = |minor, base: &str| Python {
            program: PathBuf::from("python3"),
            version: (3, minor),
            base: base.to_owned(),
        };
        let usual = key(&wanted("a==1\nb==2\n"), &python(11, "/usr"));
        assert_eq!(key(&wanted("# by hand\na==1  # as tested\n\nb==2"), &python(11, "/usr")), usual);
        assert_eq!(usual.len(), 20);
        for other in [
            key(&wanted("a==1\nb==3\n"), &python(11, "/usr")),
            key(&wanted("a==1\nb==2\n"), &python(12, "/usr")),
            key(&wanted("a==1\nb==2\n"), &python(11, "/opt")),
        ] {
            assert_ne!(other, usual);
        }
    }
}
