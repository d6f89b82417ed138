import { type ReactNode, useMemo } from 'react';
import type { MlflowVersion } from '../../api/mlflow';
import { usePoll, usePollQuery } from '../../api/poll';
import { COMPARE, type CompareRequest, type Comparison } from '../../api/tracking';
import type { Lineage } from '../../api/types';
import { Link, setParams, useParam } from '../../app/router';
import { VerdictBadge } from '../../components/Badge';
import { Card, Empty } from '../../components/Card';
import { actor, measured } from '../../components/format';
import { Loaded } from '../../components/Page';
import { Ago } from '../../components/Time';
import { differs, type Frame, frame } from '../../runs/frame';
import { type MetricRow, metricRows } from './compare';
import { StageBadge } from './StageBadge';

interface SideBySideProps {
  own: MlflowVersion;
  other: MlflowVersion | null;
  otherWord: string;
  choice: ReactNode;
}

const ASK_MS = 5000;
const WHOLE_TEXT = 8000;

/** A version beside the one that it would replace, or replaced: gates, decisions, metrics, parameters. */
export function SideBySide({ own, other, otherWord, choice }: SideBySideProps) {
  return (
    <>
      <div className="sides">
        <Side version={own} title="This version" />
        {other ? <Side version={other} title={otherWord === 'the champion' ? 'Champion' : 'Compared with'} aside={choice} linked /> : <Empty title="There is no other version">The next one will be compared with this one.</Empty>}
      </div>
      <Runs own={own} other={other} otherWord={otherWord} />
    </>
  );
}

function Side({ version, title, aside, linked = false }: { version: MlflowVersion; title: string; aside?: ReactNode; linked?: boolean }) {
  const lineage = usePoll<Lineage>(`/api/v1/why?id=${encodeURIComponent(`${version.name}/${version.version}`)}`, ASK_MS);
  const name = `v${version.version}`;
  return (
    <Card title={title} aside={aside} className="side">
      <p className="side-version">
        {linked ? (
          <Link href={`/models/${encodeURIComponent(version.name)}/${version.version}`} className="version-number">
            {name}
          </Link>
        ) : (
          <span className="version-number">{name}</span>
        )}
        <StageBadge stage={version.current_stage} />
      </p>
      <Loaded from={lineage}>{(lineage) => <Life lineage={lineage} />}</Loaded>
    </Card>
  );
}

function Life({ lineage }: { lineage: Lineage }) {
  const { model, gates, run, rollout } = lineage;
  return (
    <table className="side-facts">
      <tbody>
        <Fact name="Registered">
          by {actor(model.registered_by)} <Ago time={model.registered} />
        </Fact>
        <Fact name="Promoted">
          {model.promoted ? (
            <>
              by <strong>{actor(model.promoted.actor)}</strong> <Ago time={model.promoted.time} />
              {model.promoted.reason && <span className="under">{model.promoted.reason}</span>}
            </>
          ) : (
            <span className="faint">never sent to production</span>
          )}
        </Fact>
        <Fact name="Gates">
          {gates.length === 0 ? (
            <span className="faint">none judged it</span>
          ) : (
            <ul className="story side-gates">
              {gates.map((gate) => (
                <li key={`${gate.gate} ${gate.subject} ${gate.time}`}>
                  <VerdictBadge verdict={gate.verdict} /> <strong>{gate.gate}</strong> {gate.summary}
                </li>
              ))}
            </ul>
          )}
        </Fact>
        {rollout && <Fact name="Rollout">{rollout.message}</Fact>}
        <Fact name="Training run">{run ? <Link href={`/experiments/runs/${run.run_id}`}>{run.name}</Link> : <span className="faint">not known here</span>}</Fact>
      </tbody>
    </table>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <tr>
      <th scope="row">{name}</th>
      <td>{children}</td>
    </tr>
  );
}

function Runs({ own, other, otherWord }: { own: MlflowVersion; other: MlflowVersion | null; otherWord: string }) {
  const ids = [own.run_id, other?.run_id ?? ''].filter(Boolean);
  const key = ids.join(',');
  const request: CompareRequest | null = useMemo(() => (key ? { run_ids: key.split(','), text_limit: WHOLE_TEXT } : null), [key]);
  const asked = usePollQuery<Comparison>(COMPARE, request, ASK_MS);
  const runs = useMemo(() => (asked.data ? frame(asked.data) : null), [asked.data]);
  if (!own.run_id) return <Empty title="The version names no training run">So there are no metrics and parameters to compare.</Empty>;
  const both = other !== null && other.run_id !== '' && other.run_id !== own.run_id;
  const names: [string, string] = [`v${own.version}`, other ? `v${other.version}` : ''];
  return (
    <Loaded from={asked}>
      {() =>
        runs && (
          <div className="sides">
            <Card title={other ? `Metrics beside ${otherWord}` : 'Metrics'} aside={both && <Link href={`/experiments/compare?runs=${key}`}>Compare the runs in charts</Link>}>
              <Metrics rows={metricRows(runs)} names={names} both={both} />
            </Card>
            <Params frame={runs} names={names} both={both} />
          </div>
        )
      }
    </Loaded>
  );
}

function Metrics({ rows, names, both }: { rows: MetricRow[]; names: [string, string]; both: boolean }) {
  if (rows.length === 0) return <Empty title="No metric was logged" />;
  return (
    <table className="list beside">
      <thead>
        <tr>
          <th scope="col">Metric</th>
          <th scope="col" className="right">
            {names[0]}
          </th>
          {both && (
            <>
              <th scope="col" className="right">
                {names[1]}
              </th>
              <th scope="col" className="right">
                Difference
              </th>
              <th scope="col" />
            </>
          )}
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr key={row.key}>
            <td>{row.key}</td>
            <td className="num right strong">{row.ours === null ? '–' : measured(row.ours)}</td>
            {both && (
              <>
                <td className="num right">{row.theirs === null ? '–' : measured(row.theirs)}</td>
                <td className={`num right ${row.verdict ? `delta-${row.verdict}` : ''}`}>{row.by === null ? '' : signed(row.by)}</td>
                <td className={row.verdict ? `delta-${row.verdict}` : undefined}>{row.verdict === 'same' ? 'equal' : (row.verdict ?? '')}</td>
              </>
            )}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function signed(by: number): string {
  return by === 0 ? '0' : `${by > 0 ? '+' : '−'}${measured(Math.abs(by))}`;
}

function Params({ frame, names, both }: { frame: Frame; names: [string, string]; both: boolean }) {
  const [all] = useParam('all');
  const params = frame.columns.filter((column) => column.kind === 'params');
  const shown = both && all !== '1' ? params.filter(differs) : params;
  if (params.length === 0) return null;
  return (
    <Card
      title="Parameters"
      aside={
        both && (
          <button type="button" className="chip" aria-pressed={all !== '1'} onClick={() => setParams({ all: all === '1' ? null : '1' })}>
            only what differs
          </button>
        )
      }
    >
      {shown.length === 0 ? (
        <Empty title="All parameters are equal" />
      ) : (
        <table className="list beside">
          <thead>
            <tr>
              <th scope="col">Parameter</th>
              <th scope="col">{names[0]}</th>
              {both && <th scope="col">{names[1]}</th>}
            </tr>
          </thead>
          <tbody>
            {shown.map((column) => (
              <tr key={column.id}>
                <td>{column.key}</td>
                <td className="wide strong">{column.cells[0] ?? '–'}</td>
                {both && <td className="wide">{column.cells[1] ?? '–'}</td>}
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Card>
  );
}
