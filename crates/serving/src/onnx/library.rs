//! Finding and loading ONNX Runtime. The library is not part of this program: models are trained with
//! the one of the user's environment, and run with it.

use crate::{StartError, interpreter};
use ort::environment::Environment;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// The variable that names the library.
const VARIABLE: &str = "ORT_DYLIB_PATH";
/// The library by the name that the system's loader knows.
const SYSTEM: &str = "libonnxruntime.so";
/// Prints the folder of the package without importing it.
const WHERE: &str = "import importlib.util as u; s = u.find_spec('onnxruntime'); \
                     print(next(iter(s.submodule_search_locations)) if s else '')";

/// The environment of the process: the first library that loads is kept.
static LOADED: Mutex<Option<Environment>> = Mutex::new(None);

/// The environment in which sessions are made, from the first of these places that has a library: the
/// configured path, the variable `ORT_DYLIB_PATH`, the active virtual environment, the interpreter of
/// the workers, the system.
///
/// # Errors
/// Lists the places that were tried.
pub(super) async fn environment(configured: Option<&Path>, python: &Path) -> Result<Environment, StartError> {
    if let Some(loaded) = LOADED.lock().unwrap_or_else(PoisonError::into_inner).clone() {
        return Ok(loaded);
    }
    let mut tried = Vec::new();
    // A path that somebody chose is the one or none: another library would only surprise.
    let chosen = configured.map(Path::to_path_buf).or_else(|| std::env::var_os(VARIABLE).map(PathBuf::from));
    if let Some(chosen) = chosen {
        return load(&chosen, &mut tried).ok_or_else(|| missing(&tried));
    }
    if let Some(active) = std::env::var_os("VIRTUAL_ENV").map(PathBuf::from) {
        let libraries = in_environment(&active);
        if libraries.is_empty() {
            tried.push(format!("{}: no package onnxruntime", active.display()));
        }
        if let Some(found) = libraries.iter().find_map(|library| load(library, &mut tried)) {
            return Ok(found);
        }
    }
    match package_of(python).await {
        Ok(folder) => {
            if let Some(found) = in_package(&folder).iter().find_map(|library| load(library, &mut tried)) {
                return Ok(found);
            }
        }
        Err(reason) => tried.push(format!("{}: {reason}", python.display())),
    }
    load(Path::new(SYSTEM), &mut tried).ok_or_else(|| missing(&tried))
}

fn missing(tried: &[String]) -> StartError {
    StartError::Load(format!(
        "ONNX Runtime is not found; install onnxruntime (1.17 or newer) in the project's Python environment, or set \
         `onnxruntime` under [serving] in mainspring.toml. Tried: {}",
        tried.join("; ")
    ))
}

fn load(library: &Path, tried: &mut Vec<String>) -> Option<Environment> {
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(loaded) = loaded.as_ref() {
        return Some(loaded.clone());
    }
    let made = ort::init_from(library).map_err(|error| error.to_string());
    let made =
        made.and_then(|builder| builder.with_telemetry(false).build().map_err(|error| error.to_string()));
    match made {
        Ok(environment) => {
            tracing::info!(library = %library.display(), "ONNX Runtime is loaded");
            Some(loaded.insert(environment).clone())
        }
        Err(error) => {
            tried.push(error);
            None
        }
    }
}

/// The folder of the interpreter's package `onnxruntime`.
async fn package_of(python: &Path) -> Result<PathBuf, String> {
    let folder = interpreter::answer(python, WHERE).await?;
    if folder.is_empty() { Err("no package onnxruntime".to_owned()) } else { Ok(folder.into()) }
}

/// The libraries of a virtual environment.
fn in_environment(folder: &Path) -> Vec<PathBuf> {
    let Ok(versions) = std::fs::read_dir(folder.join("lib")) else { return Vec::new() };
    let packages = versions.flatten().map(|version| version.path().join("site-packages/onnxruntime"));
    packages.flat_map(|package| in_package(&package)).collect()
}

/// The libraries of a package `onnxruntime`; its file name ends with a version.
fn in_package(package: &Path) -> Vec<PathBuf> {
    let Ok(files) = std::fs::read_dir(package.join("capi")) else { return Vec::new() };
    let is_library = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("libonnxruntime.so")
            || (name.starts_with("libonnxruntime.") && name.ends_with(".dylib"))
    };
    let mut found: Vec<PathBuf> = files.flatten().map(|file| file.path()).filter(is_library).collect();
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use super::{environment, in_environment, package_of};
    use std::path::Path;

    #[test]
    fn the_library_of_a_virtual_environment_is_found_by_its_versioned_name() {
        let folder = tempfile::tempdir().unwrap();
        let capi = folder.path().join("lib/python3.11/site-packages/onnxruntime/capi");
        std::fs::create_dir_all(&capi).unwrap();
        for name in ["libonnxruntime.so.1.32.0", "libonnxruntime_providers_shared.so", "x.py"] {
            std::fs::write(capi.join(name), "").unwrap();
        }
        assert_eq!(in_environment(folder.path()), [capi.join("libonnxruntime.so.1.32.0")]);
    }

    #[tokio::test]
    async fn a_library_that_is_not_there_is_named_with_what_to_do() {
        let chosen = Path::new("/nowhere/libonnxruntime.so");
        let refused = environment(Some(chosen), Path::new("python3")).await.unwrap_err().to_string();
        assert!(refused.contains("/nowhere/libonnxruntime.so") && refused.contains("[serving]"), "{refused}");
    }

    #[tokio::test]
    async fn an_interpreter_that_is_not_there_is_an_error() {
        assert!(package_of(Path::new("/nowhere/python")).await.is_err());
    }
}
