//! What holds whatever happens.

use crate::driver::{Driver, is_roll_back, spec_with};
use mainspring_rollouts::{Command, Event, Phase, RolloutSpec, RolloutState, Step};
use proptest::prelude::*;
use std::time::Duration;

/// Something that happens, and how many milliseconds after what happened before.
type Happening = (u64, Event);

fn value() -> impl Strategy<Value = Result<f64, String>> {
    prop_oneof![
        4 => (0.0..0.02).prop_map(Ok),
        1 => (0.0..1.0).prop_map(Ok),
        1 => Just(Ok(f64::NAN)),
        1 => Just(Ok(f64::INFINITY)),
        1 => Just(Err("nobody came".to_owned())),
    ]
}

fn event(with_people: bool) -> impl Strategy<Value = Event> {
    let people = u32::from(with_people);
    prop_oneof![
        4 => Just(Event::Ready),
        8 => Just(Event::Tick),
        8 => (0_usize..2, value()).prop_map(|(metric, value)| Event::Measured { metric, value }),
        people * 2 => Just(Event::Promote),
        people => Just(Event::PromoteFull),
        people => Just(Event::Abort("by hand".to_owned())),
        people => Just(Event::Unavailable("it died".to_owned())),
    ]
}

fn happenings(with_people: bool) -> impl Strategy<Value = Vec<Happening>> {
    prop::collection::vec((0_u64..15_000, event(with_people)), 0..80)
}

fn spec() -> impl Strategy<Value = RolloutSpec> {
    let step = prop_oneof![
        (0_u8..=100).prop_map(|weight| weight.to_string()),
        Just("p".to_owned()),
        Just("p10s".to_owned()),
        Just("a".to_owned()),
    ];
    let metric = prop_oneof![
        Just("successCondition: result <= 0.02"),
        Just("interval: 10s\ncount: 3\nfailureLimit: 1\nsuccessCondition: result <= 0.02"),
        Just("interval: 5s\ncount: 2\nsuccessCondition: result <= 0.02\nfailureCondition: result > 0.5"),
    ];
    (prop::collection::vec(step, 1..7), metric)
        .prop_map(|(steps, metric)| spec_with(&steps.join(" "), metric))
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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn the_weight_is_that_of_the_step_or_nothing(spec in spec(), happenings in happenings(true)) {
        play(spec, happenings, |driver, _, _| {
            let state = &driver.state;
            let expected = if state.ready && !state.is_final() && state.step < driver.spec.steps.len() {
                driver.spec.weight_at(state.step)
            } else {
                0
            };
            assert_eq!(state.weight, expected, "{state:?}");
        });
    }

    #[test]
    fn the_traffic_follows_the_commands(spec in spec(), happenings in happenings(true)) {
        let mut traffic = 0;
        let mut seen = 0;
        play(spec, happenings, |driver, _, _| {
            for command in &driver.commands[seen..] {
                match command {
                    Command::SetWeight(weight) => traffic = *weight,
                    Command::Complete | Command::RollBack { .. } => traffic = 0,
                    Command::Measure { .. } => {}
                }
            }
            seen = driver.commands.len();
            assert_eq!(traffic, driver.state.weight);
        });
    }

    #[test]
    fn a_final_state_never_changes(spec in spec(), happenings in happenings(true)) {
        play(spec, happenings, |driver, _, before| {
            if before.is_final() {
                assert_eq!(before, &driver.state);
            }
        });
    }

    #[test]
    fn the_end_is_told_exactly_once(spec in spec(), happenings in happenings(true)) {
        let driver = play(spec, happenings, |_, _, _| {});
        let completed = driver.count(|command| *command == Command::Complete);
        let rolled_back = driver.count(is_roll_back);
        let expected = match driver.state.phase {
            Phase::Healthy => (1, 0),
            Phase::Degraded => (0, 1),
            Phase::Progressing | Phase::Paused => (0, 0),
        };
        prop_assert_eq!((completed, rolled_back), expected);
        if driver.state.is_final() {
            let last = driver.commands.last().unwrap();
            prop_assert!(*last == Command::Complete || is_roll_back(last), "nothing follows the end: {:?}", driver.commands);
        }
    }

    #[test]
    fn abort_at_any_moment_takes_the_traffic_away(spec in spec(), happenings in happenings(true)) {
        let mut driver = play(spec, happenings, |_, _, _| {});
        let was_final = driver.state.is_final();
        let commands = driver.send(Event::Abort("now".into()));
        prop_assert_eq!(driver.state.weight, 0);
        prop_assert_eq!(commands.len(), usize::from(!was_final));
        prop_assert!(driver.state.is_final());
        prop_assert!(commands.iter().all(is_roll_back));
    }

    /// Every analysis that lies behind was successful or stepped over by a person.
    #[test]
    fn no_analysis_is_passed_by_itself(spec in spec(), happenings in happenings(true)) {
        play(spec, happenings, |driver, event, before| {
            if matches!(event, Event::Promote | Event::PromoteFull) || driver.state.phase == Phase::Degraded {
                return;
            }
            let analyses = driver.spec.steps[before.step..driver.state.step]
                .iter()
                .filter(|step| matches!(step, Step::Analysis { .. }))
                .count();
            let successes = driver.state.history[before.history.len()..]
                .iter()
                .filter(|entry| entry.what == "analysis successful")
                .count();
            assert_eq!(analyses, successes, "{event:?} from {before:?}");
            if analyses > 0 {
                assert!(
                    matches!(event, Event::Measured { value: Ok(value), .. } if value.is_finite()),
                    "{event:?} passed an analysis"
                );
            }
        });
    }

    /// Without people and with an analysis in the way, only good numbers lead to the end.
    #[test]
    fn what_cannot_be_measured_never_completes(
        spec in spec(),
        happenings in happenings(false),
        bad in prop_oneof![Just(Ok(f64::NAN)), Just(Ok(f64::NEG_INFINITY)), Just(Err("nobody came".to_owned()))],
    ) {
        let has_analysis = spec.steps.iter().any(|step| matches!(step, Step::Analysis { .. }));
        let all_bad = happenings.into_iter().map(|(wait, event)| match event {
            Event::Measured { metric, .. } => (wait, Event::Measured { metric, value: bad.clone() }),
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
                if let Command::Measure { metric } = command {
                    let Some(Step::Analysis { metrics, .. }) = driver.spec.steps.get(driver.state.step) else {
                        panic!("{command:?} at step {}", driver.state.step)
                    };
                    assert!(*metric < metrics.len());
                }
            }
            seen = driver.commands.len();
        });
    }
}
