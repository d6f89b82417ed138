//! The loop of a whole project, with a clock that stands still until a test moves it.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod ab;
mod ab_elsewhere;
mod ab_taking_part;
mod arrivals;
mod collecting;
mod configs;
mod interrupted;
mod project;
mod reacting;
mod releases;
mod retraining;
mod soak;
mod strategies;
mod warehouses;
mod webhooks;

/// Not a test by itself: the test binary started as `it supervise FOLDER` runs just this, and so is
/// the program that looks after attempts.
#[test]
fn supervise() {
    let mut arguments = std::env::args().skip(1);
    if arguments.next().as_deref() == Some("supervise") {
        let folder = arguments.next().unwrap();
        mainspring_executors::supervise(std::path::Path::new(&folder)).unwrap();
    }
}
