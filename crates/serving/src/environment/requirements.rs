//! What a model's folder says of the environment that it needs: MLflow's `python_env.yaml`, and the
//! `requirements.txt` and `constraints.txt` beside it. Only names with versions are taken. An option, a path or
//! an address could bring in what the owner of the server's package index does not know of, or read the
//! server's files.

use regex::Regex;
use serde::Deserialize;
use std::path::Path;
use std::sync::LazyLock;

/// MLflow's description of the interpreter and the packages.
const DESCRIPTION: &str = "python_env.yaml";
const REQUIREMENTS: &str = "requirements.txt";
const CONSTRAINTS: &str = "constraints.txt";
/// Bytes of each file that are read.
const LIMIT: u64 = 1 << 20;

/// A requirement by name, as PEP 508 has it: extras, versions and a marker may follow.
static BY_NAME: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let name = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?";
    let extras = r"(?:[ \t]*\[[A-Za-z0-9._, \t-]*\])?";
    let version = r"(?:===|==|~=|!=|<=|>=|<|>)[ \t]*[A-Za-z0-9.*+!_-]+";
    let versions = format!(r"(?:[ \t]*\(?[ \t]*{version}(?:[ \t]*,[ \t]*{version})*[ \t]*,?[ \t]*\)?)?");
    let marker = r#"(?:[ \t]*;[A-Za-z0-9_.'"<>=!~ \t()+-]+)?"#;
    Regex::new(&format!("^{name}{extras}{versions}{marker}$")).ok()
});

/// Ends of files that pip takes a name for.
const ARCHIVES: [&str; 6] = [".whl", ".zip", ".tar", ".tgz", ".tbz", ".txz"];

/// Whether pip can only take a line for a name with versions. What ends lines for Python is more than what
/// does here.
fn is_by_name(line: &str) -> bool {
    let name = line.split([' ', '\t', '[', '(', '=', '~', '!', '<', '>', ';']).next().unwrap_or_default();
    let name = name.to_ascii_lowercase();
    BY_NAME.as_ref().is_some_and(|pattern| pattern.is_match(line))
        && !ARCHIVES.iter().any(|end| name.ends_with(end))
        && !name.contains(".tar.")
}

/// What an environment is made of.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Wanted {
    /// The first two numbers of Python's version.
    pub(super) python: Option<(u32, u32)>,
    requirements: Vec<String>,
    constraints: Vec<String>,
}

#[derive(Deserialize)]
struct PythonEnv {
    #[serde(default)]
    python: Option<String>,
    #[serde(default)]
    dependencies: Vec<String>,
}

impl Wanted {
    /// Reads what a model's folder says.
    ///
    /// # Errors
    /// When it says nothing, cannot be read, or asks in a way that is not taken.
    pub(super) fn read(model: &Path) -> Result<Self, String> {
        let mut wanted = Self::default();
        let Some(description) = read(model, DESCRIPTION)? else {
            let text = read(model, REQUIREMENTS)?.ok_or_else(|| {
                format!(
                    "the model has neither `{DESCRIPTION}` nor `{REQUIREMENTS}`; log it with MLflow, or set \
                     `environment = \"project\"`"
                )
            })?;
            wanted.take(model, REQUIREMENTS, &text)?;
            return Ok(wanted);
        };
        let description: PythonEnv =
            serde_saphyr::from_str(&description).map_err(|error| format!("{DESCRIPTION}: {error}"))?;
        wanted.python = description.python.as_deref().map(version).transpose()?;
        wanted.take(model, DESCRIPTION, &description.dependencies.join("\n"))?;
        Ok(wanted)
    }

    /// The lines of a file that pip reads.
    pub(super) fn requirements(&self) -> String {
        self.requirements.join("\n")
    }

    /// The same, for what limits the versions.
    pub(super) fn constraints(&self) -> String {
        self.constraints.join("\n")
    }

    /// Takes over the lines of a file; those that name a file of MLflow's beside it stand for its lines.
    fn take(&mut self, model: &Path, file: &str, text: &str) -> Result<(), String> {
        for (number, line) in (1..).zip(text.lines()) {
            let line = uncommented(line);
            match line.split_ascii_whitespace().collect::<Vec<_>>().as_slice() {
                [] => {}
                ["-r", REQUIREMENTS] if file == DESCRIPTION => {
                    let text =
                        read(model, REQUIREMENTS)?.ok_or_else(|| format!("there is no `{REQUIREMENTS}`"))?;
                    self.take(model, REQUIREMENTS, &text)?;
                }
                ["-c", CONSTRAINTS] if file != CONSTRAINTS => {
                    let text =
                        read(model, CONSTRAINTS)?.ok_or_else(|| format!("there is no `{CONSTRAINTS}`"))?;
                    self.take(model, CONSTRAINTS, &text)?;
                }
                _ if !is_by_name(line) => {
                    return Err(format!(
                        "{file}, line {number}: `{line}` is not taken; write names with versions, as \
                         `pandas==3.1.1`: options, paths and addresses are left to the server's own settings of \
                         pip, or set `environment = \"project\"`"
                    ));
                }
                _ if file == CONSTRAINTS => self.constraints.push(line.to_owned()),
                _ => self.requirements.push(line.to_owned()),
            }
        }
        Ok(())
    }
}

/// The first two numbers of a version.
fn version(text: &str) -> Result<(u32, u32), String> {
    let mut parts = text.trim().split('.').map(|part| part.parse().ok());
    match (parts.next().flatten(), parts.next().flatten()) {
        (Some(major), Some(minor)) => Ok((major, minor)),
        _ => Err(format!("{DESCRIPTION}: `{text}` is no version of Python; write it as 3.11.7")),
    }
}

/// A line without its comment, which begins the line or follows a blank, as for pip.
fn uncommented(line: &str) -> &str {
    let begins =
        |at: usize| line.get(..at).is_some_and(|before| before.is_empty() || before.ends_with([' ', '\t']));
    let end = line.match_indices('#').map(|(at, _)| at).find(|at| begins(*at));
    line.get(..end.unwrap_or(line.len())).unwrap_or(line).trim()
}

/// The text of a file of the model, if it is there.
fn read(model: &Path, name: &str) -> Result<Option<String>, String> {
    let path = model.join(name);
    let Ok(found) = path.symlink_metadata() else { return Ok(None) };
    if !found.is_file() || found.len() > LIMIT {
        return Err(format!("`{name}` is no file of at most {LIMIT} bytes"));
    }
    std::fs::read_to_string(&path).map(Some).map_err(|error| format!("`{name}`: {error}"))
}

#[cfg(test)]
mod tests {
    use super::Wanted;

    fn read(files: &[(&str, &str)]) -> Result<Wanted, String> {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        Wanted::read(folder.path())
    }

    #[test]
    fn what_mlflow_writes_is_read() {
        let description = "python: 3.11.7\nbuild_dependencies:\n- pip==23.2.1\ndependencies:\n- -r requirements.txt\n- numpy>=2\n";
        let requirements = "-c constraints.txt\nmlflow==3.17.2\nuvicorn[standard, extra] >=0.2,<1 ; python_version < '3.13' # why\n";
        let files = [
            ("python_env.yaml", description),
            ("requirements.txt", requirements),
            ("constraints.txt", "pandas<4\n"),
        ];
        let wanted = read(&files).unwrap();
        assert_eq!(wanted.python, Some((3, 11)));
        assert_eq!(
            wanted.requirements(),
            "mlflow==3.17.2\nuvicorn[standard, extra] >=0.2,<1 ; python_version < '3.13'\nnumpy>=2"
        );
        assert_eq!(wanted.constraints(), "pandas<4");
        let short = read(&[("python_env.yaml", "python: 3.10\n")]).unwrap();
        assert_eq!(short, Wanted { python: Some((3, 10)), ..Wanted::default() });
    }

    #[test]
    fn only_names_with_versions_are_taken() {
        for line in [
            "-r other.txt",
            "-r requirements.txt",
            "--index-url https://example.org/simple",
            "--extra-index-url=https://example.org/simple",
            "-e .",
            "./wheel.whl",
            "/srv/wheel.whl",
            "wheels/wheel.whl",
            "git+https://example.org/repository.git",
            "pandas @ file:///srv/wheel.whl",
            "pandas @ https://example.org/pandas.whl",
            "https://example.org/pandas.whl",
            "pandas==3.1.1 --hash=sha256:00",
            "pandas==3.1.1 --global-option x",
            "pandas==3.1.1 \\",
            "pandas==$VERSION",
            "-pandas",
            "wheel.whl",
            "evil.zip",
            "evil.tar.gz",
            "EVIL.TGZ[extra]",
            "iniconfig ; python_version > '3'\u{c}.",
            "iniconfig\u{c}-e ..",
            "iniconfig\r--no-index",
            "iniconfig\u{b}>=1",
            "iniconfig ; python_version > '3'\u{2028}.",
        ] {
            let refused = read(&[("requirements.txt", &format!("numpy\n{line}\n"))]).unwrap_err();
            assert!(refused.starts_with("requirements.txt, line 2: "), "{line}: {refused}");
        }
    }

    #[test]
    fn what_is_missing_or_unclear_is_named() {
        for (files, part) in [
            (&[][..], "neither"),
            (
                &[("python_env.yaml", "dependencies: [-r requirements.txt]")][..],
                "there is no `requirements.txt`",
            ),
            (&[("python_env.yaml", "python: latest")][..], "no version of Python"),
            (&[("python_env.yaml", "python: [")][..], "python_env.yaml: "),
            (&[("requirements.txt", "-c constraints.txt")][..], "there is no `constraints.txt`"),
        ] {
            let refused = read(files).unwrap_err();
            assert!(refused.contains(part), "{refused}");
        }
    }
}
