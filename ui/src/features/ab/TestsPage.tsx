import type { Test } from '../../api/ab';
import { usePoll } from '../../api/poll';
import { Link } from '../../app/router';
import { Badge } from '../../components/Badge';
import { Empty } from '../../components/Card';
import { plural } from '../../components/format';
import { Loaded, Page } from '../../components/Page';
import { Prose } from '../../components/Prose';
import { Ago, Took } from '../../components/Time';
import { STATUS_LOOK } from './words';
import './ab.css';

/** All tests, the newest first. */
export default function TestsPage() {
  const tests = usePoll<{ tests: Test[] }>('/api/v1/ab/tests', 3000);
  return (
    <Page
      title="A/B tests"
      lead="Versions compared on live traffic, by a rule that is declared before the start."
      aside={
        <Link href="/ab/plan" className="button plain ab-plan-link">
          Plan a test
        </Link>
      }
    >
      <Loaded from={tests}>{({ tests }) => <All tests={tests} />}</Loaded>
    </Page>
  );
}

function All({ tests }: { tests: Test[] }) {
  if (tests.length === 0) {
    return (
      <Empty title="There is no A/B test yet">
        <Link href="/ab/plan">The planner</Link> says how many units a test takes, writes its file and creates it; <code>mainspring ab create FILE</code> does so from a terminal.
      </Empty>
    );
  }
  return (
    <div className="card table-scroll">
      <p className="count ab-count" role="status">
        {plural(tests.length, 'test')}
      </p>
      <table className="list">
        <thead>
          <tr>
            <th scope="col">Test</th>
            <th scope="col">Model</th>
            <th scope="col">Status</th>
            <th scope="col">Phase</th>
            <th scope="col">Outcome</th>
            <th scope="col">Created</th>
            <th scope="col">Ran</th>
          </tr>
        </thead>
        <tbody>
          {tests.map((test) => (
            <tr key={test.id}>
              <td className="wide">
                <Link href={`/ab/${encodeURIComponent(test.name)}`} className="strong">
                  {test.name}
                </Link>
              </td>
              <td className="nowrap">{test.model === null ? <span className="faint">served elsewhere</span> : <Link href={`/models/${encodeURIComponent(test.model)}`}>{test.model}</Link>}</td>
              <td>
                <StatusBadge test={test} />
              </td>
              <td className="num">{test.phase}</td>
              <td className="wide">{test.outcome === null ? <span className="faint">open</span> : <Prose text={test.outcome} />}</td>
              <td className="nowrap">
                <Ago time={test.created} />
              </td>
              <td className="nowrap">{test.started === null ? <span className="faint">not yet</span> : <Took started={test.started} ended={test.ended} />}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

export function StatusBadge({ test }: { test: Test }) {
  const { tone, icon, word } = STATUS_LOOK[test.status];
  return (
    <Badge tone={tone} icon={icon}>
      {word}
    </Badge>
  );
}
