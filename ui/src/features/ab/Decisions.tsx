import { useState } from 'react';
import { type Decision, type TestArm, testPath } from '../../api/ab';
import { getJson } from '../../api/client';
import { usePoll } from '../../api/poll';
import { Badge } from '../../components/Badge';
import { Card } from '../../components/Card';
import { plural, whole } from '../../components/format';
import { Ago } from '../../components/Time';
import { outcomeSaid, outcomeTone } from './words';

interface DecisionsProps {
  name: string;
  arms: TestArm[];
  /** Whether there will be more. */
  running: boolean;
  total: number;
}

const FEW = 12;
const MANY = 200;

/** What was decided at each look, and whether it comes out the same today. */
export function Decisions({ name, arms, running, total }: DecisionsProps) {
  const [all, setAll] = useState(false);
  const limit = all ? MANY : FEW;
  const polled = usePoll<{ decisions: Decision[] }>(`${testPath(name)}/decisions?limit=${limit}`, running ? 5000 : 60_000);
  const decisions = polled.data?.decisions ?? [];
  return (
    <Card title="Decisions" className="ab-decisions" aside={plural(total, 'decision')}>
      <p className="faint">Each is stored with all its inputs. A replay applies the rule to them again.</p>
      <div className="table-scroll">
        <table className="list">
          <thead>
            <tr>
              <th scope="col">No.</th>
              <th scope="col">Outcome</th>
              <th scope="col">Units</th>
              <th scope="col">Phase</th>
              <th scope="col">Time</th>
              <th scope="col">Replay</th>
            </tr>
          </thead>
          <tbody>
            {decisions.map((decision) => (
              <tr key={decision.number}>
                <td className="num">{decision.number}</td>
                <td className="wide">
                  <Badge tone={outcomeTone(decision.decision.outcome)}>{outcomeSaid(decision.decision.outcome, arms)}</Badge>
                </td>
                <td className="num nowrap">{decision.decision.snapshot.units.map(whole).join(' : ')}</td>
                <td className="num">{decision.phase}</td>
                <td className="nowrap">
                  <Ago time={decision.time} />
                </td>
                <td className="nowrap">
                  <Replay name={name} number={decision.number} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {!all && total > FEW && (
        <button type="button" className="link ab-more" onClick={() => setAll(true)}>
          Show {total > MANY ? `the newest ${MANY}` : `all ${total}`}
        </button>
      )}
    </Card>
  );
}

type Replayed = 'not yet' | 'asked' | 'same' | 'different' | { problem: string };

function Replay({ name, number }: { name: string; number: number }) {
  const [state, setState] = useState<Replayed>('not yet');
  const replay = async () => {
    setState('asked');
    try {
      const { same } = await getJson<{ same: boolean }>(`${testPath(name)}/decisions/${number}/replay`, new AbortController().signal);
      setState(same ? 'same' : 'different');
    } catch (error) {
      setState({ problem: error instanceof Error ? error.message : String(error) });
    }
  };
  if (state === 'same') return <Badge tone="good" icon="ok">same to the last bit</Badge>;
  if (state === 'different') return <Badge tone="bad" icon="fail">comes out differently</Badge>;
  if (typeof state === 'object') return <span className="tone-bad ab-problem">{state.problem}</span>;
  return (
    <button type="button" className="link" disabled={state === 'asked'} aria-label={`Replay decision ${number}`} onClick={() => void replay()}>
      {state === 'asked' ? 'replaying…' : 'replay'}
    </button>
  );
}
