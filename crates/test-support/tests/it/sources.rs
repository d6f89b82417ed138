//! Source files stay of a size that one person can hold in mind.

use std::path::{Path, PathBuf};

/// Lines of a source file at most.
const MOST_LINES: usize = 800;
/// Folders that are made, not written.
const MADE: [&str; 6] = ["target", "node_modules", "dist", ".git", ".venv", "__pycache__"];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let wanted =
            path.extension().is_some_and(|end| ["rs", "ts", "tsx", "py"].contains(&&*end.to_string_lossy()));
        if path.is_dir() && !path.is_symlink() && !MADE.contains(&name.as_str()) {
            sources(&path, found);
        } else if wanted && path.is_file() {
            found.push(path);
        }
    }
}

#[test]
fn no_source_file_is_too_long() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut found = Vec::new();
    for part in ["crates", "xtask", "python", "ui", "examples", "tests", "bench"] {
        let folder = root.join(part);
        if folder.exists() {
            sources(&folder, &mut found);
        }
    }
    assert!(found.len() > 200, "only {} source files were found", found.len());
    let long: Vec<String> = found
        .iter()
        .map(|path| (path, std::fs::read_to_string(path).unwrap().lines().count()))
        .filter(|(_, lines)| *lines > MOST_LINES)
        .map(|(path, lines)| format!("{} has {lines} lines", path.display()))
        .collect();
    assert!(long.is_empty(), "{long:#?}");
}
