import { useState } from 'react';
import { usePoll } from '../../api/poll';
import type { Comparison, Shadow as Answer } from '../../api/types';
import { Card } from '../../components/Card';
import { compact, plural } from '../../components/format';

interface ShadowProps {
  id: string;
  answer: Answer;
  /** How often the copies by a column are asked for; null is once. */
  everyMs: number | null;
  /** The version that answered the clients, and the one that was asked beside. */
  versions: [number | null, number];
}

/** How both versions answered the same requests, in all and by a column. */
export function Shadow({ id, answer, everyMs, versions }: ShadowProps) {
  const [column, setColumn] = useState('');
  const by = usePoll<Answer>(column === '' ? null : `/api/v1/rollouts/${encodeURIComponent(id)}/shadow?limit=1&segment=${encodeURIComponent(column)}`, everyMs);
  const columns = Object.keys(answer.recent[0]?.features ?? {});
  const { sent, dropped } = answer.queue;
  const segments = column === '' ? [] : (by.data?.by?.segments ?? []);
  return (
    <Card title="Mirrored requests" className="rollout-card" aside={plural(answer.comparison.requests, 'request')}>
      <p className="faint">
        v{versions[0]} answered the clients; v{versions[1]} was asked beside, and nobody waited for it.
        {dropped > 0 && ` Of all rollouts since the server started, ${dropped} of ${sent + dropped} copies dropped.`}
      </p>
      <div className="table-scroll">
        <table className="list">
          <thead>
            <tr>
              <th scope="col">
                <select aria-label="Compare by" value={column} onChange={(event) => setColumn(event.target.value)}>
                  <option value="">all requests</option>
                  {columns.map((name) => (
                    <option key={name} value={name}>
                      by {name}
                    </option>
                  ))}
                </select>
              </th>
              <th scope="col">Requests</th>
              <th scope="col">Agree</th>
              <th scope="col">Score distance</th>
              <th scope="col">Failed</th>
              <th scope="col">Latency v{versions[0]}</th>
              <th scope="col">Latency v{versions[1]}</th>
            </tr>
          </thead>
          <tbody>
            <Row name="all" comparison={answer.comparison} />
            {segments.map((segment) => (
              <Row key={segment.value} name={segment.value} comparison={segment.comparison} />
            ))}
          </tbody>
        </table>
      </div>
    </Card>
  );
}

function Row({ name, comparison }: { name: string; comparison: Comparison }) {
  return (
    <tr>
      <th scope="row">{name}</th>
      <td className="num">{comparison.requests}</td>
      <td className="num">{percent(comparison.agreement)}</td>
      <td className="num">{compact(comparison.distance)}</td>
      <td className="num">{percent(comparison.error_rate)}</td>
      <td className="num">{millis(comparison.live_latency_ms)}</td>
      <td className="num">{millis(comparison.latency_ms)}</td>
    </tr>
  );
}

function percent(share: number | null): string {
  return share === null ? '–' : `${(100 * share).toFixed(1)} %`;
}

function millis(time: number | null): string {
  return time === null ? '–' : `${time.toFixed(1)} ms`;
}
