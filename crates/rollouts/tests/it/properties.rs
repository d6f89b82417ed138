//! What holds whatever happens.

use crate::driver::{Driver, is_roll_back, manifest_with, measured};
use mainspring_domain::delivery::Routing;
use mainspring_rollouts::{Command, Completion, Event, Phase, RolloutSpec, RolloutState, Run, Step, Value};
use proptest::prelude::*;
use std::path::Path;
use std::time::Duration;

/// Something that happens, and how many milliseconds after what happened before.
type Happening = (u64, Event);

fn value() -> impl Strategy<Value = Result<Value, String>> {
    prop_oneof![
        // In thousandths, which JSON gives back exactly.
        4 => (0..20).prop_map(|number| Ok(Value::Float(f64::from(number) / 1000.0))),
        1 => (0..1000).prop_map(|number| Ok(Value::Float(f64::from(number) / 1000.0))),
        1 => bad_value(),
    ]
}

/// What is no measurement, in all its forms.
fn bad_value() -> impl Strategy<Value = Result<Value, String>> {
    prop_oneof![
        Just(Ok(Value::Float(f64::NAN))),
        Just(Ok(Value::Float(f64::INFINITY))),
        Just(Ok(Value::Float(f64::NEG_INFINITY))),
        Just(Ok(Value::Nil)),
        Just(Ok(Value::List(vec![].into()))),
        Just(Err("nobody came".to_owned())),
    ]
}

fn event(with_people: bool) -> impl Strategy<Value = Event> {
    let nature = prop_oneof![
        6 => Just(Event::Ready),
        8 => Just(Event::Tick),
        8 => (0_usize..2, value(), any::<bool>()).prop_map(|(metric, value, step)| Event::Measured {
            run: if step { Run::Step } else { Run::Background },
            metric,
            value,
        }),
        1 => Just(Event::Unready),
    ];
    let people = prop_oneof![
        3 => Just(Event::Promote),
        1 => Just(Event::PromoteFull),
        1 => Just(Event::Pause),
        1 => Just(Event::Abort("by hand".to_owned())),
        1 => Just(Event::Retry),
        1 => Just(Event::Supersede("version 3".to_owned())),
        1 => Just(Event::GoBack),
        1 => Just(Event::Unavailable("it died".to_owned())),
    ];
    if with_people { prop_oneof![2 => nature, 1 => people].boxed() } else { nature.boxed() }
}

fn happenings(with_people: bool) -> impl Strategy<Value = Vec<Happening>> {
    prop::collection::vec((0_u64..15_000, event(with_people)), 0..80)
}

const LIMITED: &str = "interval: 10s\ncount: 3\nsuccessCondition: result <= 0.02";

fn canary() -> impl Strategy<Value = RolloutSpec> {
    let step = prop_oneof![
        3 => (0_u8..=100).prop_map(|weight| weight.to_string()),
        2 => Just("p".to_owned()),
        2 => Just("p10s".to_owned()),
        3 => Just("a".to_owned()),
        1 => Just("e".to_owned()),
        1 => Just("h".to_owned()),
        1 => Just("-h".to_owned()),
        1 => Just("m".to_owned()),
    ];
    let metric = prop_oneof![
        Just("successCondition: result <= 0.02"),
        Just(LIMITED),
        Just("interval: 10s\ncount: 3\nfailureLimit: 1\nsuccessCondition: result <= 0.02"),
        Just("interval: 5s\ncount: 2\nsuccessCondition: result <= 0.02\nfailureCondition: result > 0.5"),
        Just("successCondition: 'true'"),
    ];
    let background = prop_oneof![
        2 => Just(""),
        1 => Just("analysis: {templates: [{templateName: b}]}"),
        1 => Just("analysis: {templates: [{templateName: b}], startingStep: 2}"),
    ];
    (prop::collection::vec(step, 0..7), metric, background).prop_map(|(steps, metric, background)| {
        let text = manifest_with(&steps.join(" "), metric, background);
        RolloutSpec::parse(&text, Path::new("r")).unwrap_or_else(|error| panic!("{error}\n{text}"))
    })
}

fn blue_green() -> impl Strategy<Value = RolloutSpec> {
    let block =
        prop_oneof![Just(""), Just("autoPromotionEnabled: false, "), Just("autoPromotionSeconds: 10, "),];
    (block, any::<bool>(), any::<bool>()).prop_map(|(block, pre, post)| {
        let analysis = |on: bool, key: &str| {
            if on { format!("{key}: {{templates: [{{templateName: t}}]}}, ") } else { String::new() }
        };
        let text = format!(
            "kind: Rollout\nspec: {{strategy: {{blueGreen: {{activeService: a, {block}{}{}}}}}}}\n---\n{}",
            analysis(pre, "prePromotionAnalysis"),
            analysis(post, "postPromotionAnalysis"),
            manifest_with("", LIMITED, "").split_once("---\n").unwrap().1,
        );
        RolloutSpec::parse(&text, Path::new("r")).unwrap_or_else(|error| panic!("{error}\n{text}"))
    })
}

fn spec() -> impl Strategy<Value = RolloutSpec> {
    prop_oneof![3 => canary().boxed(), 1 => blue_green().boxed()]
}

/// A state as it comes back from the store.
fn stored(state: &RolloutState) -> RolloutState {
    serde_json::from_str(&serde_json::to_string(state).unwrap()).unwrap()
}

fn play(
    spec: RolloutSpec,
    happenings: Vec<Happening>,
    mut check: impl FnMut(&Driver, &Event, &RolloutState),
) -> Driver {
    let mut driver = Driver::new(spec);
    for (wait, event) in happenings {
        driver.now = driver.now + Duration::from_millis(wait);
        let before = driver.state.clone();
        driver.send(event.clone());
        check(&driver, &event, &before);
    }
    driver
}

/// Whether an event is a person's word that may take a rollout up again.
fn revives(event: &Event, before: &RolloutState) -> bool {
    matches!(event, Event::Retry | Event::PromoteFull) && before.completion == Some(Completion::Aborted)
}

fn is_persons(event: &Event) -> bool {
    matches!(event, Event::Promote | Event::PromoteFull | Event::Retry)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn the_weight_is_that_of_the_steps_or_nothing(spec in spec(), happenings in happenings(true)) {
        play(spec, happenings, |driver, _, _| {
            let state = &driver.state;
            let expected = if !state.ready || state.is_final() {
                0
            } else if state.is_fast() {
                return;
            } else if matches!(driver.spec.steps.get(state.step), None | Some(Step::SetWeight(_) | Step::Switch)) {
                driver.spec.weight_before(state.step)
            } else {
                driver.spec.weight_at(state.step)
            };
            assert_eq!(state.weight, expected, "{state:?}");
        });
    }

    #[test]
    fn the_traffic_follows_the_commands(spec in spec(), happenings in happenings(true)) {
        let mut traffic = (0, Routing::default());
        let mut seen = 0;
        play(spec, happenings, |driver, _, _| {
            for command in &driver.commands[seen..] {
                match command {
                    Command::SetWeight(weight) => traffic.0 = *weight,
                    Command::SetRouting(routing) => traffic.1 = routing.clone(),
                    Command::Complete | Command::RollBack { .. } => traffic = (0, Routing::default()),
                    Command::Measure { .. } => {}
                }
            }
            seen = driver.commands.len();
            assert_eq!(traffic, (driver.state.weight, driver.state.routing(&driver.spec)));
        });
    }

    #[test]
    fn a_version_that_is_not_ready_gets_nothing(spec in spec(), happenings in happenings(true)) {
        play(spec, happenings, |driver, _, _| {
            assert!(driver.state.ready || driver.state.weight == 0);
            assert!(driver.state.ready || driver.state.completion.is_none_or(|end| end != Completion::Promoted));
        });
    }

    #[test]
    fn what_has_ended_stays_unless_a_person_tries_again(spec in spec(), happenings in happenings(true)) {
        play(spec, happenings, |driver, event, before| {
            if before.is_final() && !revives(event, before) {
                assert_eq!(before, &driver.state);
            }
        });
    }

    #[test]
    fn each_end_is_told_exactly_once(spec in spec(), happenings in happenings(true)) {
        let mut ends = 0;
        let driver = play(spec, happenings, |driver, _, before| {
            ends += usize::from(driver.state.is_final() && !before.is_final());
            // Trying again and ending at once is two.
            let told = driver.commands.iter().filter(|command| **command == Command::Complete || is_roll_back(command));
            assert_eq!(told.count(), ends);
        });
        if driver.state.is_final() {
            let last = driver.commands.last().unwrap();
            prop_assert!(*last == Command::Complete || is_roll_back(last), "nothing follows the end: {:?}", driver.commands);
            prop_assert!(matches!(driver.state.phase, Phase::Healthy | Phase::Degraded));
        }
    }

    #[test]
    fn abort_at_any_moment_takes_the_traffic_away(spec in spec(), happenings in happenings(true)) {
        let mut driver = play(spec, happenings, |_, _, _| {});
        let was_final = driver.state.is_final();
        let commands = driver.send(Event::Abort("now".into()));
        prop_assert_eq!(driver.state.weight, 0);
        prop_assert_eq!(commands.len(), usize::from(!was_final));
        prop_assert!(driver.state.is_final() && driver.state.pauses.is_empty() && !driver.state.controller_pause);
        prop_assert!(commands.iter().all(is_roll_back));
    }

    #[test]
    fn abort_wins_over_promote_full(spec in spec(), happenings in happenings(true)) {
        let mut driver = play(spec, happenings, |_, _, _| {});
        if driver.state.is_final() {
            return Ok(());
        }
        driver.send(Event::Unready);
        driver.send(Event::PromoteFull);
        driver.send(Event::Abort("now".into()));
        driver.send(Event::Ready);
        driver.tick(3600);
        prop_assert_eq!((driver.state.phase, driver.state.weight), (Phase::Degraded, 0));
    }

    #[test]
    fn a_retry_begins_at_the_first_step_and_waits_there(spec in spec(), happenings in happenings(true)) {
        let mut driver = play(spec, happenings, |_, _, _| {});
        driver.send(Event::Abort("now".into()));
        if driver.state.completion != Some(Completion::Aborted) {
            return Ok(());
        }
        driver.send(Event::Retry);
        prop_assert!(!driver.state.is_final() && driver.state.step == 0 && driver.state.weight == 0);
        driver.send(Event::Ready);
        if matches!(driver.spec.steps.first(), Some(Step::Pause(_))) {
            prop_assert_eq!((driver.state.phase, driver.state.step), (Phase::Paused, 0));
        }
    }

    /// Every analysis that lies behind was successful or stepped over by a person.
    #[test]
    fn no_analysis_is_passed_by_itself(spec in spec(), happenings in happenings(true)) {
        play(spec, happenings, |driver, event, before| {
            if is_persons(event) || driver.state.is_fast() || driver.state.step < before.step {
                return;
            }
            let analyses = driver.spec.steps[before.step..driver.state.step]
                .iter()
                .filter(|step| matches!(step, Step::Analysis(_)))
                .count();
            let successes = driver.state.history[before.history.len()..]
                .iter()
                .filter(|entry| entry.what == "analysis successful")
                .count();
            assert_eq!(analyses, successes, "{event:?} from {before:?}");
        });
    }

    /// Without people and with an analysis in the way, only good numbers lead to the end, whatever
    /// the condition says.
    #[test]
    fn what_cannot_be_measured_never_completes(
        spec in spec(),
        happenings in happenings(false),
        bad in bad_value(),
    ) {
        let has_analysis = spec.steps.iter().any(|step| matches!(step, Step::Analysis(_)));
        let all_bad = happenings.into_iter().map(|(wait, event)| match event {
            Event::Measured { run, metric, .. } => (wait, Event::Measured { run, metric, value: bad.clone() }),
            event => (wait, event),
        });
        let driver = play(spec, all_bad.collect(), |_, _, _| {});
        prop_assert!(!has_analysis || driver.count(|command| *command == Command::Complete) == 0);
    }

    #[test]
    fn a_restart_at_any_moment_changes_nothing(spec in spec(), happenings in happenings(true), at in 0_usize..80) {
        let straight = play(spec.clone(), happenings.clone(), |_, _, _| {});
        let mut restarted = Driver::new(spec);
        for (index, (wait, event)) in happenings.into_iter().enumerate() {
            if index == at {
                restarted.state = stored(&restarted.state);
            }
            restarted.now = restarted.now + Duration::from_millis(wait);
            restarted.send(event);
        }
        prop_assert_eq!(&straight.state, &restarted.state);
        prop_assert_eq!(&straight.commands, &restarted.commands);
        prop_assert_eq!(&straight.state, &stored(&straight.state));
    }

    #[test]
    fn a_measurement_is_only_asked_of_an_analysis_at_work(spec in spec(), happenings in happenings(true)) {
        let mut seen = 0;
        play(spec, happenings, |driver, _, _| {
            for command in &driver.commands[seen..] {
                let Command::Measure { run, metric } = command else { continue };
                let at_work = match run {
                    Run::Step => &driver.state.analysis,
                    Run::Background => &driver.state.background,
                };
                let at_work = at_work.as_ref().unwrap_or_else(|| panic!("{command:?} of {:?}", driver.state));
                assert!(at_work.metrics[*metric].assessment.is_none());
            }
            seen = driver.commands.len();
        });
    }

    /// A pause without a duration is only ended by a person.
    #[test]
    fn nobody_is_promoted_by_time_alone(spec in spec(), happenings in happenings(false)) {
        let waits = spec.steps.iter().any(|step| matches!(step, Step::Pause(None)));
        let driver = play(spec, happenings, |_, _, _| {});
        prop_assert!(!waits || driver.count(|command| *command == Command::Complete) == 0);
    }
}

#[test]
fn a_value_before_its_time_counts_nothing_in_the_background_either() {
    let text = manifest_with("10 p", LIMITED, "analysis: {templates: [{templateName: b}]}");
    let mut driver = Driver::new(RolloutSpec::parse(&text, Path::new("r")).unwrap());
    driver.send(Event::Ready);
    for _ in 0..5 {
        driver.send(Event::Measured { run: Run::Background, metric: 0, value: Ok(Value::Float(0.0)) });
        driver.send(measured(0, Ok(0.0)));
    }
    assert_eq!(driver.state.background.unwrap().metrics[0].counts.successful, 1);
}
