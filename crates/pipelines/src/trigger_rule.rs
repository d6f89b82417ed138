//! Which states of the upstream tasks let a task run (Airflow's trigger rules).

use mainspring_domain::pipelines::TaskState;

/// What a task's upstream says of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Readiness {
    /// Not yet.
    Wait,
    /// Now.
    Run,
    /// Never in this run: it takes this state.
    Set(TaskState),
}

/// The rules this planner knows.
pub(crate) const RULES: [&str; 10] = [
    "all_success",
    "all_failed",
    "all_done",
    "one_success",
    "one_failed",
    "one_done",
    "none_failed",
    "none_failed_min_one_success",
    "none_skipped",
    "always",
];

/// Applies a rule to the states of a task's direct upstream tasks. The order of the tests within a
/// rule is that of Airflow: first what decides the state without running, then what lets it run.
pub(crate) fn readiness(rule: &str, upstream: &[TaskState]) -> Readiness {
    use Readiness::{Run, Set, Wait};
    let count = |state| upstream.iter().filter(|upstream| **upstream == state).count();
    let total = upstream.len();
    let ok = count(TaskState::Success);
    let skipped = count(TaskState::Skipped);
    let failed = count(TaskState::Failed) + count(TaskState::UpstreamFailed);
    let done = ok + skipped + failed == total;
    if total == 0 {
        return Run;
    }
    let run_when = |condition: bool| if condition { Run } else { Wait };
    match rule {
        "all_failed" if ok > 0 || skipped > 0 => Set(TaskState::Skipped),
        "all_failed" => run_when(failed == total),
        "all_done" => run_when(done),
        "one_success" if ok > 0 => Run,
        "one_success" if done && skipped == total => Set(TaskState::Skipped),
        "one_success" if done => Set(TaskState::UpstreamFailed),
        "one_failed" if failed > 0 => Run,
        "one_failed" if done => Set(TaskState::Skipped),
        "one_done" if ok + count(TaskState::Failed) > 0 => Run,
        "one_done" if done => Set(TaskState::Skipped),
        "one_success" | "one_failed" | "one_done" => Wait,
        "none_failed" if failed > 0 => Set(TaskState::UpstreamFailed),
        "none_failed" => run_when(done),
        "none_failed_min_one_success" if failed > 0 => Set(TaskState::UpstreamFailed),
        "none_failed_min_one_success" if skipped == total => Set(TaskState::Skipped),
        "none_failed_min_one_success" => run_when(done && ok > 0),
        "none_skipped" if skipped > 0 => Set(TaskState::Skipped),
        "none_skipped" => run_when(done),
        "always" => Run,
        // all_success, the default
        _ if failed > 0 => Set(TaskState::UpstreamFailed),
        _ if skipped > 0 => Set(TaskState::Skipped),
        _ => run_when(ok == total),
    }
}

#[cfg(test)]
mod tests {
    use super::{RULES, Readiness, readiness};
    use mainspring_domain::pipelines::TaskState::{Failed, None, Running, Skipped, Success, UpstreamFailed};

    #[test]
    fn rules_follow_the_table() {
        let cases = [
            ("all_success", vec![Success, Success], Readiness::Run),
            ("all_success", vec![Success, Running], Readiness::Wait),
            ("all_success", vec![Failed, Running], Readiness::Set(UpstreamFailed)),
            ("all_success", vec![Skipped, None], Readiness::Set(Skipped)),
            ("all_failed", vec![Failed, UpstreamFailed], Readiness::Run),
            ("all_failed", vec![Success, None], Readiness::Set(Skipped)),
            ("all_done", vec![Failed, Skipped], Readiness::Run),
            ("one_success", vec![Success, Running], Readiness::Run),
            ("one_success", vec![Skipped, Skipped], Readiness::Set(Skipped)),
            ("one_success", vec![Failed, Skipped], Readiness::Set(UpstreamFailed)),
            ("one_failed", vec![Failed, Running], Readiness::Run),
            ("one_failed", vec![Success, Skipped], Readiness::Set(Skipped)),
            ("one_done", vec![Skipped, Skipped], Readiness::Set(Skipped)),
            ("one_done", vec![Failed, None], Readiness::Run),
            ("none_failed", vec![Success, Skipped], Readiness::Run),
            ("none_failed", vec![UpstreamFailed, None], Readiness::Set(UpstreamFailed)),
            ("none_failed_min_one_success", vec![Success, Skipped], Readiness::Run),
            ("none_failed_min_one_success", vec![Skipped, Skipped], Readiness::Set(Skipped)),
            ("none_skipped", vec![Failed, Success], Readiness::Run),
            ("none_skipped", vec![Skipped, None], Readiness::Set(Skipped)),
            ("always", vec![None, None], Readiness::Run),
        ];
        for (rule, upstream, expected) in cases {
            assert_eq!(readiness(rule, &upstream), expected, "{rule} {upstream:?}");
        }
    }

    #[test]
    fn every_rule_decides_once_all_upstream_tasks_have_ended() {
        let ends = [Success, Failed, Skipped, UpstreamFailed];
        for rule in RULES {
            for first in ends {
                for second in ends {
                    assert_ne!(
                        readiness(rule, &[first, second]),
                        Readiness::Wait,
                        "{rule} {first:?} {second:?}"
                    );
                }
            }
        }
    }
}
