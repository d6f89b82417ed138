import { useState } from 'react';
import { post } from '../../api/client';
import type { Rollout } from '../../api/types';
import { ConfirmButton } from '../../components/ConfirmButton';
import { Prose } from '../../components/Prose';
import { Ago } from '../../components/Time';
import { Analysis } from './Analysis';
import { Steps } from './Steps';

type Verb = 'promote' | 'promote-full' | 'abort';

/** The rollout at work: where it stands, what is measured, and the person's own say. */
export function RolloutPanel({ rollout }: { rollout: Rollout }) {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const tell = async (verb: Verb) => {
    setBusy(true);
    setProblem(null);
    try {
      await post(`/api/v1/rollouts/${encodeURIComponent(rollout.id)}/${verb}`);
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error));
    } finally {
      setBusy(false);
    }
  };
  const previous = rollout.previous === null ? 'the previous version' : `v${rollout.previous}`;
  return (
    <div className="rollout">
      <div className="rollout-head">
        <div>
          <h3>Rollout of v{rollout.version}</h3>
          <p className="rollout-message">
            <Prose text={rollout.state.message} /> · began <Ago time={rollout.created} />
          </p>
        </div>
        <div className="rollout-actions">
          <button type="button" className="button plain" disabled={busy} title="End this pause, or step over this analysis" onClick={() => void tell('promote')}>
            Next step
          </button>
          <ConfirmButton label="Promote fully" disabled={busy} question={`Promote v${rollout.version} fully?`} onConfirm={() => void tell('promote-full')}>
            It gets all traffic at once. The remaining steps and their analyses are skipped.
          </ConfirmButton>
          <ConfirmButton label="Abort" kind="danger" disabled={busy} question={`Abort the rollout of v${rollout.version}?`} onConfirm={() => void tell('abort')}>
            All traffic goes back to {previous} at once.
          </ConfirmButton>
        </div>
      </div>
      {problem && (
        <p className="note tone-bad" role="alert">
          {problem}
        </p>
      )}
      <Steps steps={rollout.steps} />
      <Analysis analysis={rollout.state.analysis} />
    </div>
  );
}
