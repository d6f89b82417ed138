//! The table of states, row by row.

use crate::driver::{Driver, is_roll_back, spec};
use mainspring_rollouts::{Command, Event, Phase};

#[test]
fn nothing_moves_before_the_new_version_is_ready() {
    let mut driver = Driver::new(spec("10 p a 50"));
    assert!(driver.tick(3600).is_empty());
    assert_eq!((driver.state.step, driver.state.weight, driver.state.phase), (0, 0, Phase::Progressing));
}

#[test]
fn set_weight_is_done_at_once() {
    let driver = Driver::ready("10 p");
    assert_eq!(driver.commands, [Command::SetWeight(10)]);
    assert_eq!((driver.state.step, driver.state.weight), (1, 10));
}

#[test]
fn a_pause_shows_itself_and_keeps_the_weight() {
    let driver = Driver::ready("10 p 50");
    assert_eq!(driver.state.phase, Phase::Paused);
    assert_eq!(driver.state.pause.as_ref().unwrap().reason, "CanaryPauseStep");
    assert!(driver.state.controller_pause);
    assert_eq!(driver.state.weight, 10);
}

#[test]
fn a_pause_without_duration_never_ends_by_itself() {
    let mut driver = Driver::ready("10 p 50");
    for _ in 0..100 {
        assert!(driver.tick(86_400).is_empty());
    }
    assert_eq!(driver.state.step, 1);
}

#[test]
fn a_pause_ends_strictly_after_its_duration() {
    let mut driver = Driver::ready("10 p10s 50 p");
    assert!(driver.tick(10).is_empty(), "at start + duration it still waits");
    driver.now = driver.now + std::time::Duration::from_millis(1);
    assert_eq!(driver.send(Event::Tick), [Command::SetWeight(50)]);
    assert_eq!(driver.state.step, 3);
}

#[test]
fn a_second_look_at_a_pause_does_not_start_it_anew() {
    let mut driver = Driver::ready("10 p10s 50 p");
    let since = driver.state.pause.clone().unwrap().since;
    driver.tick(5);
    driver.send(Event::Ready);
    assert_eq!(driver.state.pause.as_ref().unwrap().since, since);
    assert_eq!(driver.tick(6), [Command::SetWeight(50)]);
}

#[test]
fn promote_ends_a_pause_and_the_next_pause_still_waits() {
    let mut driver = Driver::ready("10 p p p1h 50 p");
    driver.send(Event::Promote);
    assert_eq!((driver.state.step, driver.state.phase), (2, Phase::Paused), "one pause, not two");
    driver.send(Event::Promote);
    assert_eq!((driver.state.step, driver.state.phase), (3, Phase::Paused));
    assert_eq!(driver.send(Event::Promote), [Command::SetWeight(50)]);
}

#[test]
fn a_successful_analysis_goes_on() {
    let mut driver = Driver::ready("10 a 50 p");
    assert_eq!(driver.commands, [Command::SetWeight(10), Command::Measure { metric: 0 }]);
    for measurement in 0..3 {
        assert_eq!(driver.state.step, 1, "measurement {measurement}");
        driver.measure(0.01);
        driver.tick(10);
    }
    assert_eq!((driver.state.step, driver.state.weight), (3, 50));
}

#[test]
fn a_failed_analysis_gives_everything_back_to_stable() {
    let mut driver = Driver::ready("10 a 50");
    let commands = driver.measure(0.2);
    let [Command::RollBack { reason }] = commands.as_slice() else { panic!("{commands:?}") };
    assert_eq!(
        reason, "analysis failed: metric `m`: 0.2000 does not meet `result <= 0.02`",
        "the reason names metric, value and limit"
    );
    assert_eq!((driver.state.weight, driver.state.phase), (0, Phase::Degraded));
    assert_eq!(driver.state.aborted, Some(driver.now));
}

#[test]
fn an_analysis_that_cannot_be_measured_gives_everything_back_to_stable() {
    let mut driver = Driver::ready("10 a 50");
    for error in 1..=5 {
        assert!(!driver.state.is_final(), "four errors in a row are allowed, this is error {error}");
        driver.send(Event::Measured { metric: 0, value: Err("no traffic".into()) });
        driver.tick(10);
    }
    assert_eq!(driver.state.phase, Phase::Degraded);
    assert!(driver.state.message.contains("no traffic"), "{}", driver.state.message);
}

#[test]
fn an_inconclusive_analysis_waits_for_a_person_and_promote_steps_over_it() {
    let both = "interval: 10s\ncount: 3\nsuccessCondition: result < 1\nfailureCondition: result > 2";
    let mut driver = Driver::new(crate::driver::spec_with("10 a 50 p", both));
    driver.send(Event::Ready);
    driver.measure(1.5);
    assert_eq!((driver.state.phase, driver.state.weight), (Phase::Paused, 10));
    assert_eq!(driver.state.message, "InconclusiveAnalysisRun");
    assert!(driver.tick(86_400).is_empty(), "it does not go on by itself, and does not measure");
    assert_eq!(driver.send(Event::Promote), [Command::SetWeight(50)]);
    assert_eq!((driver.state.step, driver.state.phase), (3, Phase::Paused));
}

#[test]
fn after_an_inconclusive_analysis_a_pause_step_still_waits() {
    let both = "successCondition: result < 1\nfailureCondition: result > 2";
    let mut driver = Driver::new(crate::driver::spec_with("10 a p 50", both));
    driver.send(Event::Ready);
    driver.measure(1.5);
    driver.send(Event::Promote);
    assert_eq!((driver.state.step, driver.state.phase), (2, Phase::Paused));
    assert_eq!(driver.state.message, "CanaryPauseStep");
}

#[test]
fn promote_in_the_middle_of_an_analysis_steps_over_it() {
    let mut driver = Driver::ready("10 a 50 a 60 p");
    driver.measure(0.01);
    assert_eq!(driver.send(Event::Promote)[0], Command::SetWeight(50));
    assert_eq!(driver.state.step, 3);
    assert!(
        driver.state.analysis.as_ref().unwrap().metrics[0].measurements.is_empty(),
        "the next analysis begins with nothing"
    );
}

#[test]
fn abort_from_anywhere_rolls_back_once() {
    for short in ["10 p", "10 a", "10 p10s 50", "0 p"] {
        let mut driver = Driver::ready(short);
        driver.send(Event::Abort("by hand".into()));
        driver.send(Event::Abort("again".into()));
        driver.tick(3600);
        driver.send(Event::Promote);
        driver.send(Event::PromoteFull);
        assert_eq!(driver.count(is_roll_back), 1, "{short}");
        assert_eq!((driver.state.phase, driver.state.weight), (Phase::Degraded, 0), "{short}");
        assert!(driver.state.pause.is_none() && !driver.state.controller_pause, "{short}");
        assert_eq!(driver.state.message, "by hand");
    }
}

#[test]
fn abort_keeps_its_first_time() {
    let mut driver = Driver::ready("10 p");
    driver.send(Event::Abort("by hand".into()));
    let aborted = driver.state.aborted;
    driver.tick(60);
    driver.send(Event::Abort("again".into()));
    assert_eq!(driver.state.aborted, aborted);
}

#[test]
fn a_version_that_cannot_be_served_is_given_up() {
    let mut driver = Driver::new(spec("10 p"));
    let commands = driver.send(Event::Unavailable("ModuleNotFoundError: lightgbm".into()));
    assert!(
        matches!(&commands[..], [Command::RollBack { reason }] if reason.contains("lightgbm")),
        "{commands:?}"
    );
    assert_eq!(driver.state.phase, Phase::Degraded);
}

#[test]
fn promote_full_skips_steps_pauses_and_analyses() {
    let mut driver = Driver::ready("10 p a 50 p a");
    assert_eq!(driver.send(Event::PromoteFull), [Command::Complete]);
    assert_eq!((driver.state.phase, driver.state.weight, driver.state.step), (Phase::Healthy, 0, 6));
}

#[test]
fn promote_full_before_the_version_is_ready_waits_for_it() {
    let mut driver = Driver::new(spec("10 p a"));
    assert!(driver.send(Event::PromoteFull).is_empty(), "nothing is put in charge that does not answer");
    assert_eq!(driver.state.phase, Phase::Progressing);
    assert_eq!(driver.send(Event::Ready), [Command::Complete]);
}

#[test]
fn a_weight_that_was_stepped_over_before_the_version_was_ready_still_holds() {
    let mut driver = Driver::new(spec("10 p 50 p"));
    driver.send(Event::Promote);
    assert_eq!(driver.state.weight, 0, "nothing answers yet");
    driver.send(Event::Ready);
    assert_eq!((driver.state.step, driver.state.weight), (1, 10));
    assert_eq!(driver.commands, [Command::SetWeight(10)]);
}

#[test]
fn the_last_step_makes_the_version_stable() {
    let driver = Driver::ready("10 50 100");
    let expected = [10, 50, 100].map(Command::SetWeight).into_iter().chain([Command::Complete]);
    assert_eq!(driver.commands, expected.collect::<Vec<_>>());
    assert_eq!(driver.state.phase, Phase::Healthy);
    assert_eq!(driver.state.weight, 0, "what was the canary is stable now");
}

#[test]
fn a_final_state_stays() {
    let mut driver = Driver::ready("100");
    let end = driver.state.clone();
    for event in [
        Event::Ready,
        Event::Tick,
        Event::Promote,
        Event::PromoteFull,
        Event::Abort("late".into()),
        Event::Unavailable("late".into()),
        Event::Measured { metric: 0, value: Ok(9.0) },
    ] {
        assert!(driver.send(event).is_empty());
    }
    assert_eq!(driver.state, end);
}

#[test]
fn the_story_is_kept_for_people() {
    let mut driver = Driver::ready("10 a 100");
    for _ in 0..3 {
        driver.measure(0.0);
        driver.tick(10);
    }
    let story: Vec<&str> = driver.state.history.iter().map(|entry| entry.what.as_str()).collect();
    insta::assert_debug_snapshot!(story, @r#"
    [
        "rollout created",
        "new version is ready",
        "canary gets 10 % of the traffic",
        "analysis started",
        "analysis successful",
        "canary gets 100 % of the traffic",
        "completed: the new version is stable",
    ]
    "#);
}

#[test]
fn the_weight_of_a_step_is_the_nearest_one_before_it() {
    let spec = spec("p 10 p a 50 p");
    let weights: Vec<u8> = (0..=6).map(|step| spec.weight_at(step)).collect();
    assert_eq!(weights, [0, 10, 10, 10, 50, 50, 100]);
}
