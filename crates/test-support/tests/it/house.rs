//! The order of the house: arrows point down only. Read from `cargo metadata`, so that it holds for
//! what is built and not for what is drawn.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

/// The floor of each room.
const FLOORS: [(u8, &[&str]); 5] = [
    (0, &["domain", "stats", "expressions"]),
    (1, &["metadata-store", "artifact-store", "tables"]),
    (
        2,
        &[
            "data-versioning",
            "tracking",
            "registry",
            "data-quality",
            "pipelines",
            "executors",
            "model-testing",
            "serving",
            "rollouts",
            "monitoring",
            "governance",
            "migration",
        ],
    ),
    (3, &["automation"]),
    (4, &["http-api", "cli"]),
];

/// Heavy dependencies and the rooms that may name them. One room each, except where the reason is
/// given.
const HOMES: [(&str, &[&str]); 15] = [
    // The data gate runs a contract's SQL rules on an in-memory database of its own.
    ("rusqlite", &["metadata-store", "data-quality"]),
    ("tokio-postgres", &["metadata-store"]),
    ("object_store", &["artifact-store"]),
    ("arrow-array", &["tables"]),
    ("arrow-csv", &["tables"]),
    ("arrow-schema", &["tables"]),
    ("croner", &["expressions"]),
    ("async-graphql", &["http-api"]),
    // The binary sets the server up that the routers belong to.
    ("axum", &["http-api", "cli"]),
    ("tower-http", &["http-api"]),
    ("ort", &["serving"]),
    ("prost", &["http-api"]),
    ("opentelemetry-otlp", &["http-api"]),
    ("tonic", &["http-api"]),
    ("clap", &["cli", "xtask"]),
];

/// What stays out altogether.
const BANNED: [&str; 4] = ["datafusion", "polars", "openssl-sys", "native-tls"];

struct Package {
    name: String,
    dependencies: BTreeSet<String>,
}

fn metadata() -> Value {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Cargo.toml");
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline", "--manifest-path"])
        .arg(manifest)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The workspace's packages with their dependencies, those for tests excepted.
fn packages() -> Vec<Package> {
    let metadata = metadata();
    let packages = metadata["packages"].as_array().unwrap().iter().map(|package| {
        let dependencies = package["dependencies"].as_array().unwrap().iter();
        Package {
            name: room(package["name"].as_str().unwrap()),
            dependencies: dependencies
                .filter(|dependency| dependency["kind"] != "dev")
                .map(|dependency| dependency["name"].as_str().unwrap().to_owned())
                .collect(),
        }
    });
    packages.collect()
}

fn room(package: &str) -> String {
    package.strip_prefix("mainspring-").unwrap_or(package).to_owned()
}

fn floors() -> BTreeMap<&'static str, u8> {
    FLOORS.iter().flat_map(|(floor, rooms)| rooms.iter().map(move |room| (*room, *floor))).collect()
}

#[test]
fn every_room_has_a_floor() {
    let known: BTreeSet<String> =
        floors().into_keys().map(str::to_owned).chain(["test-support".into(), "xtask".into()]).collect();
    let found: BTreeSet<String> = packages().into_iter().map(|package| package.name).collect();
    assert_eq!(found, known, "a new crate needs its place in the house (and in ARCHITECTURE.md)");
}

#[test]
fn arrows_point_down_only() {
    let floors = floors();
    let mut wrong = Vec::new();
    for package in packages() {
        let Some(own) = floors.get(package.name.as_str()) else { continue };
        for dependency in package.dependencies.iter().filter(|name| name.starts_with("mainspring")) {
            let dependency = room(dependency);
            let down = match (floors.get(dependency.as_str()), package.name.as_str()) {
                (None, _) => false,
                // The binary stands on its faces.
                (Some(4), "cli") => true,
                // Within the ground floor and within the stores nothing forbids an arrow; none is
                // needed either.
                (Some(floor), _) => floor < own,
            };
            if !down {
                wrong.push(format!("{} -> {dependency}", package.name));
            }
        }
    }
    assert!(wrong.is_empty(), "not downwards: {wrong:?}");
}

#[test]
fn only_the_loop_and_the_binary_know_several_capabilities() {
    let floors = floors();
    for package in packages() {
        let capabilities = package
            .dependencies
            .iter()
            .map(|name| room(name))
            .filter(|name| floors.get(name.as_str()) == Some(&2))
            .count();
        // The faces show every capability; what happens between them is the loop's alone.
        let allowed = matches!(package.name.as_str(), "automation" | "http-api" | "cli" | "xtask");
        assert!(allowed || capabilities == 0, "{} imports {capabilities} capabilities", package.name);
    }
}

#[test]
fn the_vocabulary_does_no_io() {
    for package in packages().iter().filter(|package| floors().get(package.name.as_str()) == Some(&0)) {
        for heavy in ["tokio", "reqwest", "ureq", "axum", "rusqlite", "nix", "tempfile"] {
            assert!(!package.dependencies.contains(heavy), "{} names {heavy}", package.name);
        }
    }
}

#[test]
fn heavy_dependencies_stay_in_their_rooms() {
    for package in packages() {
        for (heavy, homes) in HOMES {
            let named = package.dependencies.contains(heavy);
            assert!(!named || homes.contains(&package.name.as_str()), "{} names {heavy}", package.name);
        }
    }
}

#[test]
fn what_is_ruled_out_is_not_even_reached() {
    let lock =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Cargo.lock")).unwrap();
    for name in BANNED {
        assert!(!lock.contains(&format!("name = \"{name}\"")), "{name} is in the dependency tree");
    }
}
