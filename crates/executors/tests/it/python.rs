//! The Python package inside the binary.

use mainspring_executors::install_python_package;

#[test]
fn the_package_is_written_and_repaired() {
    let directory = tempfile::tempdir().unwrap();
    let path = install_python_package(directory.path()).unwrap();
    assert_eq!(path, directory.path());
    let files =
        ["__init__.py", "run_task.py", "model_worker.py"].map(|name| path.join("mainspring").join(name));
    for file in &files {
        assert!(file.exists(), "{}", file.display());
    }
    std::fs::write(&files[1], "damaged").unwrap();
    install_python_package(directory.path()).unwrap();
    assert_ne!(std::fs::read_to_string(&files[1]).unwrap(), "damaged");
}
