//! Tests that start by themselves.

use super::{AbTests, can_start, current};
use crate::AutomationError;
use mainspring_domain::Actor;
use mainspring_domain::ab::AbTest;

/// So many tests that have not started are gone through, the newest; of those the oldest starts first.
const MOST: u32 = 200;

impl AbTests {
    /// Starts what is to start by now and can, and keeps of the others why they cannot. Gives all that have
    /// not started.
    pub(super) async fn start_drafts(&self) -> Result<Vec<AbTest>, AutomationError> {
        let now = self.clock.now();
        let read = self.store.read(move |tx| {
            let drafts = tx.draft_ab_tests(MOST)?;
            let due: Vec<(AbTest, Result<(), AutomationError>)> = drafts
                .iter()
                .rev()
                .filter(|test| {
                    let start = current(tx, test).ok().and_then(|(_, spec)| spec.start);
                    start.is_some_and(|start| start.is_due(now))
                })
                .map(|test| (test.clone(), can_start(tx, test).map(|_| ())))
                .collect();
            Ok::<_, AutomationError>((drafts, due))
        });
        let (drafts, due) = read.await?;
        for (test, can) in due {
            let started = match can {
                // Of two that can, the second finds the route taken.
                Ok(()) => {
                    let id = test.id.clone();
                    self.store.write(Actor::system("ab"), move |tx| Self::start(tx, &id)).await.map(|_| ())
                }
                Err(error) => Err(error),
            };
            match started {
                Ok(()) => self.failures.clear(&test.id),
                Err(error) => self.failures.put(&test.id, test.phase, &error, now),
            }
        }
        Ok(drafts)
    }
}
