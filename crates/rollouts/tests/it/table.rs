//! The table of states, row by row.

use crate::driver::{Driver, is_roll_back, manifest_with, measure, measured, spec, spec_with};
use mainspring_rollouts::{
    Command, Completion, Entry, Event, PauseReason, Phase, RolloutSpec, RolloutState, Run, Value,
};
use std::path::Path;

#[test]
fn nothing_moves_before_the_new_version_is_ready() {
    let mut driver = Driver::new(spec("10 p a 50"));
    assert!(driver.tick(500).is_empty());
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
    assert_eq!(driver.state.pauses[0].reason, PauseReason::CanaryPauseStep);
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
    let since = driver.state.pauses[0].since;
    driver.tick(5);
    driver.send(Event::Ready);
    assert_eq!(driver.state.pauses[0].since, since);
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
    assert_eq!(driver.commands, [Command::SetWeight(10), measure(0)]);
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
        driver.send(measured(0, Err("no traffic".into())));
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
        assert_eq!(driver.count(is_roll_back), 1, "{short}");
        assert_eq!((driver.state.phase, driver.state.weight), (Phase::Degraded, 0), "{short}");
        assert!(driver.state.pauses.is_empty() && !driver.state.controller_pause, "{short}");
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
        measured(0, Ok(9.0)),
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

fn ready_with(short: &str, metric: &str, line: &str) -> Driver {
    let text = manifest_with(short, metric, line);
    let mut driver = Driver::new(RolloutSpec::parse(&text, Path::new("r")).unwrap());
    driver.send(Event::Ready);
    driver
}

fn blue_green(block: &str) -> Driver {
    let templates = manifest_with(
        "",
        "interval: 10s\ncount: 2\nsuccessCondition: result < 1\nfailureCondition: result > 2",
        "",
    );
    let text = format!(
        "kind: Rollout\nspec: {{strategy: {{blueGreen: {{activeService: a, {block}}}}}}}\n---\n{}",
        templates.split_once("---\n").unwrap().1
    );
    let mut driver = Driver::new(RolloutSpec::parse(&text, Path::new("r")).unwrap());
    driver.send(Event::Ready);
    driver
}

fn background(driver: &mut Driver, value: f64) -> Vec<Command> {
    driver.send(Event::Measured { run: Run::Background, metric: 0, value: Ok(Value::Float(value)) })
}

const METRIC: &str = "successCondition: result < 1";
const BACKGROUND: &str = "analysis: {templates: [{templateName: b}], startingStep: 1}";

#[test]
fn a_first_version_takes_no_steps() {
    let mut driver = Driver::new(spec("10 p a"));
    driver.state = RolloutState::new(driver.now, Entry::Initial, false);
    assert_eq!(driver.send(Event::Ready), [Command::Complete]);
    assert_eq!(driver.state.completion, Some(Completion::Promoted));
}

#[test]
fn going_back_within_the_window_skips_the_steps() {
    for (entry, completion, end) in [
        (Entry::FastRollBack, Some(Completion::FastRolledBack), Phase::Healthy),
        (Entry::RollBack, None, Phase::Paused),
    ] {
        let mut driver = Driver::new(spec("10 p a"));
        driver.state = RolloutState::new(driver.now, entry, false);
        driver.send(Event::Ready);
        assert_eq!((driver.state.completion, driver.state.phase), (completion, end));
    }
}

#[test]
fn asking_for_the_version_in_charge_again_ends_well() {
    let mut driver = Driver::ready("10 p");
    assert!(driver.send(Event::GoBack).iter().all(is_roll_back));
    assert_eq!((driver.state.phase, driver.state.weight), (Phase::Healthy, 0));
    assert_eq!(driver.state.completion, Some(Completion::FastRolledBack));
}

#[test]
fn a_retry_begins_at_the_first_step() {
    let mut driver = Driver::ready("p 10 p");
    driver.send(Event::Promote);
    assert_eq!(driver.state.weight, 10);
    driver.send(Event::Abort("by hand".into()));
    driver.send(Event::Retry);
    assert_eq!((driver.state.phase, driver.state.step, driver.state.ready), (Phase::Progressing, 0, false));
    assert_eq!((driver.state.finished, driver.state.completion, driver.state.aborted), (None, None, None));
    driver.send(Event::Ready);
    assert_eq!(
        (driver.state.phase, driver.state.step),
        (Phase::Paused, 0),
        "it does not pass the first pause"
    );
}

#[test]
fn promote_full_takes_up_what_was_given_up() {
    let mut driver = Driver::ready("10 p a");
    driver.send(Event::Abort("by hand".into()));
    driver.send(Event::PromoteFull);
    assert_eq!((driver.state.phase, driver.state.weight), (Phase::Progressing, 0));
    assert_eq!(driver.send(Event::Ready), [Command::Complete]);
    assert_eq!(driver.state.completion, Some(Completion::FastPromoted));
}

#[test]
fn what_another_version_replaced_is_not_tried_again() {
    let mut driver = Driver::ready("10 p a");
    driver.send(Event::Supersede("superseded by version 3".into()));
    let end = driver.state.clone();
    driver.send(Event::Retry);
    driver.send(Event::PromoteFull);
    assert_eq!(driver.state, end);
}

#[test]
fn a_pause_by_hand_holds_every_step() {
    let mut driver = Driver::ready("10 p10s 50 p10s");
    driver.send(Event::Pause);
    assert_eq!((driver.state.phase, driver.state.message.as_str()), (Phase::Paused, "manually paused"));
    assert!(driver.tick(3600).is_empty());
    assert_eq!(driver.state.step, 1);
    driver.send(Event::Promote);
    assert_eq!((driver.state.step, driver.state.weight), (3, 50));
    assert_eq!(driver.state.manual_pause_millis, 3_600_000);
}

#[test]
fn promote_of_a_pause_by_hand_steps_over_nothing() {
    let mut driver = Driver::new(spec("10 a 50"));
    driver.send(Event::Pause);
    driver.send(Event::Ready);
    driver.send(Event::Promote);
    assert_eq!(driver.state.step, 1, "the analysis is still ahead");
}

#[test]
fn abort_ends_a_pause_by_hand() {
    let mut driver = Driver::ready("10 p");
    driver.send(Event::Pause);
    driver.send(Event::Abort("by hand".into()));
    assert_eq!(driver.state.phase, Phase::Degraded);
}

#[test]
fn a_background_analysis_begins_at_its_step_and_gives_up_the_rollout() {
    let mut driver = ready_with("p 10 p", METRIC, BACKGROUND);
    assert!(driver.state.background.is_none());
    let commands = driver.send(Event::Promote);
    assert!(commands.contains(&Command::Measure { run: Run::Background, metric: 0 }), "{commands:?}");
    assert!(background(&mut driver, 0.5).is_empty(), "one failure is allowed");
    driver.tick(10);
    assert!(background(&mut driver, 0.5).iter().all(is_roll_back));
    assert!(
        driver.state.message.starts_with("background analysis failed: metric `bm`"),
        "{}",
        driver.state.message
    );
}

#[test]
fn a_background_analysis_that_cannot_decide_pauses_and_promote_begins_another() {
    let mut driver = ready_with("10 p 20 p", METRIC, BACKGROUND);
    driver.spec.background.as_mut().unwrap().analysis.metrics[0].failure_condition =
        Some("result > 2".into());
    background(&mut driver, 1.5);
    assert_eq!(driver.state.phase, Phase::Paused);
    let reasons: Vec<PauseReason> = driver.state.pauses.iter().map(|pause| pause.reason).collect();
    assert_eq!(reasons, [PauseReason::CanaryPauseStep, PauseReason::InconclusiveAnalysisRun]);
    let commands = driver.send(Event::Promote);
    assert!(commands.contains(&Command::Measure { run: Run::Background, metric: 0 }), "{commands:?}");
    assert_eq!(
        (driver.state.step, driver.state.weight),
        (3, 20),
        "the pause step was waited for and is over"
    );
    assert_eq!(driver.state.background.as_ref().unwrap().metrics[0].counts.inconclusive, 0);
}

#[test]
fn an_undecided_background_analysis_does_not_end_the_pause_that_comes_next() {
    let mut driver = ready_with(
        "a p 20",
        "interval: 10s\ncount: 2\nsuccessCondition: result < 1",
        "analysis: {templates: [{templateName: b}]}",
    );
    driver.spec.background.as_mut().unwrap().analysis.metrics[0].failure_condition =
        Some("result > 2".into());
    background(&mut driver, 1.5);
    driver.send(Event::Promote);
    assert_eq!(driver.state.step, 0, "the step's analysis goes on");
    driver.measure(0.0);
    driver.tick(10);
    driver.measure(0.0);
    assert_eq!((driver.state.step, driver.state.phase), (1, Phase::Paused));
}

#[test]
fn the_end_waits_for_a_background_analysis_that_only_had_errors() {
    let mut driver = ready_with("10", METRIC, "analysis: {templates: [{templateName: b}]}");
    assert_eq!(driver.state.phase, Phase::Healthy, "nothing was due yet");
    driver = ready_with("10 p", METRIC, "analysis: {templates: [{templateName: b}]}");
    driver.send(Event::Measured { run: Run::Background, metric: 0, value: Err("nobody came".into()) });
    driver.send(Event::Promote);
    assert_eq!((driver.state.step, driver.state.phase), (2, Phase::Progressing));
    driver.tick(10);
    assert_eq!(background(&mut driver, 0.0), [Command::Complete]);
}

#[test]
fn an_experiment_gives_the_canary_more_for_its_time() {
    let mut driver = ready_with("10 e p", "interval: 10s\ncount: 9\nsuccessCondition: result < 1", "");
    assert_eq!((driver.state.step, driver.state.weight), (1, 15));
    driver.measure(0.0);
    assert!(!driver.tick(30).contains(&Command::SetWeight(10)), "at its end it still waits");
    assert!(driver.tick(1).contains(&Command::SetWeight(10)));
    assert_eq!((driver.state.step, driver.state.phase), (2, Phase::Paused));
}

#[test]
fn an_experiment_that_fails_gives_up() {
    let mut driver = ready_with("10 e p", METRIC, "");
    driver.measure(3.0);
    assert_eq!(driver.state.phase, Phase::Degraded);
    assert!(driver.state.message.starts_with("experiment failed"), "{}", driver.state.message);
}

#[test]
fn an_experiment_that_measured_nothing_is_not_over() {
    let mut driver = ready_with("10 e p", METRIC, "");
    driver.send(measured(0, Err("nobody came".into())));
    driver.tick(40);
    assert_eq!(driver.state.step, 1);
}

#[test]
fn routes_hold_from_their_step_until_they_are_taken_away_or_the_end() {
    let mut driver = ready_with("h m p -h p", METRIC, "");
    let routing = driver.state.routing(&driver.spec);
    assert_eq!((routing.headers.len(), routing.mirrors.len(), routing.mirrors[0].percentage), (1, 1, 50));
    assert_eq!(driver.commands[0], Command::SetRouting(routing));
    driver.send(Event::Promote);
    let routing = driver.state.routing(&driver.spec);
    assert_eq!((routing.headers.len(), routing.mirrors.len()), (0, 1));
    driver.send(Event::Abort("by hand".into()));
    assert!(driver.state.routing(&driver.spec).mirrors.is_empty());
}

#[test]
fn a_version_that_stops_answering_gets_nothing_until_it_answers() {
    let mut driver = Driver::ready("10 p");
    assert_eq!(driver.send(Event::Unready), [Command::SetWeight(0)]);
    assert!(driver.send(Event::Promote).is_empty());
    assert_eq!(driver.state.weight, 0);
    driver = ready_with("10 h p", METRIC, "");
    driver.send(Event::Unready);
    assert!(driver.state.routing(&driver.spec).headers.is_empty());
    let commands = driver.send(Event::Ready);
    assert_eq!(commands[1..], [Command::SetWeight(10)]);
    assert_eq!(driver.state.pauses.len(), 1);
}

#[test]
fn what_does_not_move_is_degraded_after_the_deadline() {
    let mut driver = Driver::new(spec("10 p"));
    driver.tick(601);
    assert_eq!((driver.state.phase, driver.state.is_final()), (Phase::Degraded, false));
    assert!(driver.state.message.starts_with("ProgressDeadlineExceeded"));
    driver.send(Event::Ready);
    assert_eq!(driver.state.phase, Phase::Paused, "it goes on when it can");
    driver.tick(86_400);
    assert_eq!(driver.state.phase, Phase::Paused, "waiting is not being stuck");
}

#[test]
fn what_does_not_move_is_given_up_where_the_manifest_says_so() {
    let mut driver = Driver::new(spec("10 p"));
    driver.spec.progress_deadline_abort = true;
    assert!(driver.tick(601).iter().all(is_roll_back));
    assert_eq!(driver.state.completion, Some(Completion::Aborted));
}

#[test]
fn blue_green_switches_at_once_and_completes() {
    let driver = blue_green("");
    assert_eq!(driver.commands, [Command::SetWeight(100), Command::Complete]);
}

#[test]
fn blue_green_without_automatic_promotion_waits_for_a_person() {
    let mut driver = blue_green("autoPromotionEnabled: false, autoPromotionSeconds: 5");
    assert_eq!((driver.state.phase, driver.state.message.as_str()), (Phase::Paused, "BlueGreenPause"));
    assert!(driver.tick(3600).is_empty() && driver.state.weight == 0);
    assert_eq!(driver.send(Event::Promote), [Command::SetWeight(100), Command::Complete]);
}

#[test]
fn blue_green_promotes_itself_strictly_after_its_time() {
    let mut driver = blue_green("autoPromotionSeconds: 10");
    assert!(driver.tick(10).is_empty());
    assert_eq!(driver.tick(1), [Command::SetWeight(100), Command::Complete]);
}

#[test]
fn blue_green_looks_at_the_preview_before_and_at_the_traffic_after_the_switch() {
    let mut driver = blue_green(
        "prePromotionAnalysis: {templates: [{templateName: t}]}, postPromotionAnalysis: {templates: [{templateName: t}]}",
    );
    driver.measure(0.0);
    assert_eq!(driver.state.weight, 0);
    driver.tick(10);
    driver.measure(0.0);
    assert_eq!((driver.state.weight, driver.state.step), (100, 2));
    driver.tick(10);
    let commands = driver.measure(5.0);
    assert!(commands.iter().all(is_roll_back), "{commands:?}");
    assert_eq!((driver.state.weight, driver.state.phase), (0, Phase::Degraded), "back at once");
}

#[test]
fn blue_green_that_cannot_decide_asks_a_person() {
    let mut driver = blue_green("prePromotionAnalysis: {templates: [{templateName: t}]}");
    driver.measure(1.5);
    assert_eq!(driver.state.message, "InconclusiveAnalysisRun");
    assert_eq!(driver.send(Event::Promote), [Command::SetWeight(100), Command::Complete]);
}

#[test]
fn promote_of_blue_green_in_the_middle_of_an_analysis_skips_nothing() {
    let mut driver = blue_green("prePromotionAnalysis: {templates: [{templateName: t}]}");
    driver.send(Event::Promote);
    assert_eq!((driver.state.step, driver.state.weight), (0, 0));
    assert_eq!(driver.send(Event::PromoteFull), [Command::Complete]);
}

#[test]
fn a_promotion_that_ends_nothing_changes_nothing() {
    let text = "blueGreen: {activeService: a, prePromotionAnalysis: {templates: [{templateName: t}]}}\n---\n\
                kind: AnalysisTemplate\nmetadata: {name: t}\nspec: {metrics: [{name: m, successCondition: result < 1, \
                provider: {plugin: {mainspring: {metric: errorRate}}}}]}\n";
    let mut driver = Driver::new(RolloutSpec::parse(text, Path::new("r")).unwrap());
    assert_eq!(driver.send(Event::Ready), [measure(0)]);
    let before = driver.state.clone();
    assert!(driver.send(Event::Promote).is_empty());
    assert_eq!(driver.state, before);
}

#[test]
fn a_promotion_ends_the_pause_of_a_version_that_does_not_answer() {
    let mut driver = Driver::ready("20 p 60 p");
    driver.send(Event::Unready);
    driver.send(Event::Promote);
    assert_eq!((driver.state.step, driver.state.weight), (2, 0));
    driver.send(Event::Ready);
    assert_eq!((driver.state.step, driver.state.weight, driver.state.phase), (3, 60, Phase::Paused));
}

#[test]
fn a_message_shows_the_beginning_of_a_long_value() {
    let mut driver =
        Driver::new(spec_with("a", "interval: 10s\ncount: 3\nsuccessCondition: 'all(result, # > 0)'"));
    driver.send(Event::Ready);
    let long = Value::List((0..10_000).map(|_| Value::Float(1.0)).collect());
    driver.send(Event::Measured { run: Run::Step, metric: 0, value: Ok(long) });
    let state = serde_json::to_string(&driver.state).unwrap();
    assert!(state.contains("[1") && state.contains('…'), "{state}");
    assert!(state.len() < 5_000, "{}", state.len());
}
