import { ask, type LoggedModels, type MlflowRun, type MlflowVersions, quoted } from '../../api/mlflow';
import { usePoll, usePollQuery } from '../../api/poll';
import { useParam } from '../../app/router';
import { Link } from '../../app/router';
import { Badge } from '../../components/Badge';
import { Card, Empty } from '../../components/Card';
import { actor, measured, moment, plural } from '../../components/format';
import { type Column, type Frame, isOwnTag, isSystem } from '../../runs/frame';

interface OverviewProps {
  run: Frame;
  id: string;
  experiment: string;
}

/** Everything that a run says of itself. */
export function Overview({ run, id, experiment }: OverviewProps) {
  const of = (kind: Column['kind']) => run.columns.filter((column) => column.kind === kind);
  const metrics = of('metrics').filter((column) => !isSystem(column));
  const tags = of('tags');
  const note = run.byId.get('tags.mlflow.note.content')?.cells[0];
  return (
    <div className="overview">
      <div className="stack">
        {note && (
          <Card title="Note">
            <p className="note-text">{note}</p>
          </Card>
        )}
        <Pairs title="Metrics" word="metric" columns={metrics} empty="No metric was logged" />
        <Pairs title="Parameters" word="parameter" columns={of('params')} empty="No parameter was logged" />
      </div>
      <div className="stack">
        <Facts run={run} />
        <InputsAndOutputs id={id} experiment={experiment} />
        <Pairs title="Tags" word="tag" columns={[...tags.filter((tag) => !isOwnTag(tag)), ...tags.filter(isOwnTag)]} empty="No tag was set" />
      </div>
    </div>
  );
}

const SEARCHED = 12;

/** Names and values; long lists can be searched. */
function Pairs({ title, word, columns, empty }: { title: string; word: string; columns: Column[]; empty: string }) {
  const [text, setText] = useParam(`${word}s`);
  const wanted = (text ?? '').toLowerCase();
  const found = columns.filter((column) => `${column.key} ${column.cells[0]}`.toLowerCase().includes(wanted));
  return (
    <Card title={title} aside={columns.length > 0 && plural(columns.length, word)}>
      {columns.length > SEARCHED && (
        <div className="filters pairs-search">
          <input type="search" aria-label={`Search ${word}s`} placeholder="Search…" value={text ?? ''} onChange={(event) => setText(event.target.value)} />
        </div>
      )}
      {columns.length === 0 && <Empty title={empty} />}
      <table className="pairs">
        <tbody>
          {found.map((column) => (
            <tr key={column.id}>
              <th scope="row">{column.key}</th>
              <td className={column.kind === 'metrics' ? 'num strong' : undefined} title={column.kind === 'metrics' ? String(column.cells[0]) : undefined}>
                {column.kind === 'metrics' ? <Measured value={Number(column.cells[0])} /> : <Text text={String(column.cells[0])} />}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Card>
  );
}

function Measured({ value }: { value: number }) {
  return Number.isNaN(value) ? <span className="nan">NaN</span> : measured(value);
}

const LONG = 160;

/** A long value is folded, so that one of them does not hide the others. */
function Text({ text }: { text: string }) {
  if (text.length <= LONG) return text === '' ? <span className="faint">empty</span> : text;
  return (
    <details className="long-text">
      <summary>{text.slice(0, LONG)}…</summary>
      <pre className="log">{text}</pre>
    </details>
  );
}

function Facts({ run }: { run: Frame }) {
  const end = run.ends[0];
  const source = run.byId.get('tags.mlflow.source.name')?.cells[0];
  const commit = run.byId.get('tags.mlflow.source.git.commit')?.cells[0];
  const facts: [string, React.ReactNode][] = [
    ['Run id', <code key="id">{run.ids[0]}</code>],
    ['Started', moment(run.starts[0] ?? 0)],
    ['Ended', typeof end === 'number' ? moment(end) : 'not yet'],
    ['User', run.byId.get('attributes.user_id')?.cells[0] ?? '–'],
    ['Created by', actor(run.creators[0] ?? '')],
    ...(source ? [['Source', source] as [string, React.ReactNode]] : []),
    ...(commit ? [['Git commit', <code key="commit">{commit}</code>] as [string, React.ReactNode]] : []),
  ];
  return (
    <Card title="About">
      <table className="pairs">
        <tbody>
          {facts.map(([name, value]) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              <td>{value}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Card>
  );
}

const SLOW_MS = 15_000;

/** Data sets that were read, models that were made, and what they are registered as. */
function InputsAndOutputs({ id, experiment }: { id: string; experiment: string }) {
  const run = usePoll<MlflowRun>(ask.run(id), SLOW_MS);
  const logged = usePollQuery<LoggedModels>(ask.loggedModels, { experiment_ids: [experiment], filter: `source_run_id = ${quoted(id)}`, max_results: 50 }, SLOW_MS);
  const versions = usePoll<MlflowVersions>(ask.versions(`run_id=${quoted(id)}`), SLOW_MS);
  const inputs = run.data?.run.inputs?.dataset_inputs ?? [];
  const models = logged.data?.models ?? [];
  const registered = versions.data?.model_versions ?? [];
  if (inputs.length + models.length + registered.length === 0) return null;
  return (
    <Card title="Inputs and outputs">
      <ul className="story in-out">
        {inputs.map(({ dataset, tags }) => (
          <li key={`${dataset.name} ${dataset.digest}`}>
            <Badge tone="quiet">data set</Badge> <strong>{dataset.name}</strong> <code>{dataset.digest}</code>{' '}
            <span className="faint">{tags?.find((tag) => tag.key === 'mlflow.data.context')?.value ?? dataset.source_type}</span>
          </li>
        ))}
        {models.map(({ info }) => (
          <li key={info.model_id}>
            <Badge tone="quiet">model</Badge> <strong>{info.name}</strong> <code>{info.model_id}</code> <span className="faint">{info.model_type}</span>
          </li>
        ))}
        {registered.map((version) => (
          <li key={`${version.name}/${version.version}`}>
            <Badge tone="active">registered</Badge>{' '}
            <Link href={`/models/${encodeURIComponent(version.name)}/${version.version}`}>
              {version.name} v{version.version}
            </Link>{' '}
            <span className="faint">
              {version.current_stage !== 'None' && version.current_stage} {version.aliases?.map((alias) => `@${alias}`).join(' ')}
            </span>
          </li>
        ))}
      </ul>
    </Card>
  );
}
