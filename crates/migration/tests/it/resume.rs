//! An import that ends in the middle is continued.

use crate::support::{Files, Home, options};
use mainspring_domain::tracking::Run;
use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};

fn long() -> Files {
    let files = Files::new();
    for run in 0..6 {
        let id = format!("{run:032x}");
        files.run(&id);
        files.write(&format!("7/{id}/params/number"), run.to_string());
        let mut lines = String::new();
        for step in 0..7_000 {
            writeln!(lines, "{step} {run}.5 {step}").unwrap();
        }
        files.write(&format!("7/{id}/metrics/loss"), &lines);
        files.write(&format!("7/{id}/metrics/other"), &lines);
    }
    files
}

fn runs(home: &Home) -> Vec<(Run, usize)> {
    (0..6)
        .map(|run| {
            let id = format!("{run:032x}");
            let points = home.read(|tx| tx.metric_history(&id, "loss", 100_000, 0)).len()
                + home.read(|tx| tx.metric_history(&id, "other", 100_000, 0)).len();
            (home.read(|tx| tx.run(&id)).unwrap(), points)
        })
        .collect()
}

#[test]
fn the_outcome_is_that_of_an_import_in_one_piece() {
    let files = long();
    let whole = Home::new();
    let mut writes = 0;
    whole.import_with(&files.location(), &options(), &mut |_| writes += 1);
    assert!(writes > 4, "there must be places to stop at, not {writes}");
    for stop in 1..writes {
        let home = Home::new();
        let mut seen = 0;
        let stopped = catch_unwind(AssertUnwindSafe(|| {
            home.import_with(&files.location(), &options(), &mut |_| {
                seen += 1;
                assert!(seen < stop, "stopped on purpose");
            })
        }));
        assert!(stopped.is_err());
        let report = home.import(&files.location());
        assert_eq!(report.left_out, [], "stopped at {stop}");
        assert_eq!(runs(&home), runs(&whole), "stopped at {stop}");
        let third = home.import(&files.location());
        assert_eq!(third.brought, Default::default(), "stopped at {stop}");
    }
}
