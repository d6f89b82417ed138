import { useState } from 'react';
import { post } from '../../api/client';
import type { Rollout } from '../../api/types';
import { ConfirmButton } from '../../components/ConfirmButton';

/** A person's say on a rollout: what is possible as it stands. */
export function Actions({ rollout }: { rollout: Rollout }) {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const tell = async (path: string) => {
    setBusy(true);
    setProblem(null);
    try {
      await post(path);
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error));
    } finally {
      setBusy(false);
    }
  };
  const say = (verb: string) => void tell(`/api/v1/rollouts/${encodeURIComponent(rollout.id)}/${verb}`);
  const previous = rollout.previous === null ? 'the previous version' : `v${rollout.previous}`;
  const paused = rollout.state.phase === 'Paused';
  return (
    <div className="rollout-say">
      <div className="rollout-actions">
        {rollout.ended === null && (
          <>
            <button type="button" className="button plain" disabled={busy} title="End this pause, or step over this analysis" onClick={() => say('promote')}>
              {paused ? 'Resume' : 'Next step'}
            </button>
            {!rollout.state.paused && (
              <button type="button" className="button plain" disabled={busy} title="Stay at this step until somebody resumes" onClick={() => say('pause')}>
                Pause
              </button>
            )}
            <ConfirmButton label="Promote fully" disabled={busy} question={`Promote v${rollout.version} fully?`} onConfirm={() => say('promote-full')}>
              It gets all traffic at once. The remaining steps and their analyses are skipped.
            </ConfirmButton>
            <ConfirmButton label="Abort" kind="danger" disabled={busy} question={`Abort the rollout of v${rollout.version}?`} onConfirm={() => say('abort')}>
              All traffic goes back to {previous} at once.
            </ConfirmButton>
          </>
        )}
        {rollout.can_retry === true && (
          <button type="button" className="button plain" disabled={busy} title="Begin again at the first step" onClick={() => say('retry')}>
            Retry
          </button>
        )}
        {rollout.can_undo === true && (
          <ConfirmButton label="Undo" kind="danger" disabled={busy} question={`Go back to the release before v${rollout.version}?`} onConfirm={() => void tell(`/api/v1/deployments/${encodeURIComponent(rollout.model)}/undo`)}>
            The release before the one in charge is rolled out again: at once while it is still loaded or within the rollback window, by its steps otherwise.
          </ConfirmButton>
        )}
      </div>
      {problem && (
        <p className="note tone-bad" role="alert">
          {problem}
        </p>
      )}
    </div>
  );
}
