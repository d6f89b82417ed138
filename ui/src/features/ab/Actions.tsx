import { useState } from 'react';
import { type Test, testPath } from '../../api/ab';
import { post, type Refused, refusedBy } from '../../api/client';
import { ConfirmButton } from '../../components/ConfirmButton';
import { RefusedNote } from '../../components/Page';

/** A person's say on a test: what is possible as it stands. */
export function Actions({ test }: { test: Test }) {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Refused | null>(null);
  const say = async (verb: 'start' | 'stop' | 'decide') => {
    setBusy(true);
    setProblem(null);
    try {
      await post(`${testPath(test.name)}/do/${verb}`);
    } catch (error) {
      setProblem(refusedBy(error));
    } finally {
      setBusy(false);
    }
  };
  if (test.status === 'ended') return null;
  return (
    <div className="rollout-say">
      <div className="rollout-actions">
        {test.status === 'draft' && (
          <ConfirmButton label="Start" disabled={busy} question={`Start ${test.name}?`} onConfirm={() => void say('start')}>
            {test.model === null ? 'Units are assigned to arms from now on.' : `The requests of ${test.model} are split among its arms from now on.`} What a winner must show is fixed by the file; a change of it begins a new phase.
          </ConfirmButton>
        )}
        {test.status === 'running' && (
          <>
            <ConfirmButton label="Decide now" disabled={busy} question="Look at the test now?" onConfirm={() => void say('decide')}>
              The rule is applied to what is known at this moment. It ends the test only when the rule says so; looking early does no harm.
            </ConfirmButton>
            <ConfirmButton label="Stop" kind="danger" disabled={busy} question={`Stop ${test.name} without a result?`} onConfirm={() => void say('stop')}>
              {test.model === null ? 'No unit is assigned any more.' : 'All requests go to the version in charge again.'} What was collected and decided stays on record. A stopped test does not start again.
            </ConfirmButton>
          </>
        )}
      </div>
      {problem && <RefusedNote refused={problem} />}
    </div>
  );
}
