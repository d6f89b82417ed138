import { useState } from 'react';
import { type Test, type TestDetail, testPath } from '../../api/ab';
import { sendJson } from '../../api/client';
import { Card } from '../../components/Card';
import { FileEditor } from './FileEditor';

/** The file of a test, and another one in its place. */
export function Revise({ test }: { test: TestDetail }) {
  const [changing, setChanging] = useState(false);
  const [reason, setReason] = useState('');
  const [said, setSaid] = useState<string | null>(null);
  if (test.spec === null) return null;
  const revise = async (spec: string) => {
    const body = reason.trim() === '' ? { spec } : { spec, reason: reason.trim() };
    const answer = await sendJson<Test & { new_phase_because: string | null }>('PUT', testPath(test.name), body);
    setSaid(answer.new_phase_because === null ? 'Taken over as it is.' : `${answer.new_phase_because} changed: phase ${answer.phase} begins, and counts from now on.`);
    setChanging(false);
  };
  const toggle = test.status !== 'ended' && (
    <button type="button" className="link" onClick={() => setChanging(!changing)}>
      {changing ? 'leave it' : 'change'}
    </button>
  );
  return (
    <Card
      title="File of the test"
      aside={
        <>
          {test.phase > 1 && `phase ${test.phase} `}
          {toggle}
        </>
      }
    >
      {said && (
        <p className="note tone-good" role="status">
          {said}
        </p>
      )}
      {changing ? (
        <>
          {test.status === 'running' && (
            <>
              <p className="faint">When arms, weights, metrics, the split or the plan change, a new phase begins, and what was collected so far does not count for it.</p>
              <label className="ab-reason">
                Why <input type="text" value={reason} onChange={(event) => setReason(event.target.value)} placeholder="for the record" />
              </label>
            </>
          )}
          <FileEditor text={test.spec} action={test.status === 'running' ? 'Revise the test' : 'Save'} send={revise} />
        </>
      ) : (
        <pre className="log">{test.spec.trimEnd()}</pre>
      )}
    </Card>
  );
}
