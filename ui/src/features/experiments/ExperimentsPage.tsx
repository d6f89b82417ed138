import { usePoll } from '../../api/poll';
import type { ExperimentSummary } from '../../api/tracking';
import { Link, useParam } from '../../app/router';
import { Badge } from '../../components/Badge';
import { Empty } from '../../components/Card';
import { plural, whole } from '../../components/format';
import { Loaded, Page } from '../../components/Page';
import { Ago } from '../../components/Time';
import '../../runs/runs.css';

/** The tag in which clients keep a description. */
const NOTE = 'mlflow.note.content';

export default function ExperimentsPage() {
  const [view, setView] = useParam('view');
  const [text, setText] = useParam('q');
  const deleted = view === 'deleted';
  const list = usePoll<{ experiments: ExperimentSummary[] }>(`/api/v1/tracking/experiments?view=${deleted ? 'deleted' : 'active'}`, 3000);
  return (
    <Page title="Experiments" lead="Groups of training runs that answer one question, the liveliest first.">
      <div className="filters">
        <input type="search" aria-label="Search experiments" placeholder="Search…" value={text ?? ''} onChange={(event) => setText(event.target.value)} />
        <button type="button" className="chip" aria-pressed={deleted} onClick={() => setView(deleted ? null : 'deleted')}>
          deleted
        </button>
      </div>
      <Loaded from={list}>{({ experiments }) => <Found all={experiments} text={text ?? ''} deleted={deleted} />}</Loaded>
    </Page>
  );
}

function Found({ all, text, deleted }: { all: ExperimentSummary[]; text: string; deleted: boolean }) {
  const wanted = text.trim().toLowerCase();
  const found = all.filter((experiment) => `${experiment.name} ${note(experiment)}`.toLowerCase().includes(wanted));
  if (found.length === 0) {
    return <Empty title={wanted ? 'No experiment fits' : deleted ? 'No experiment was deleted' : 'No experiment yet'}>{!wanted && !deleted && 'A training script makes one with mlflow.set_experiment.'}</Empty>;
  }
  return (
    <div className="card table-scroll">
      <p className="count" role="status">
        {found.length === all.length ? plural(all.length, 'experiment') : `${found.length} of ${plural(all.length, 'experiment')}`}
      </p>
      <table className="list">
        <thead>
          <tr>
            <th scope="col">Experiment</th>
            <th scope="col" className="right">
              Runs
            </th>
            <th scope="col">Latest run</th>
            <th scope="col">Created</th>
          </tr>
        </thead>
        <tbody>
          {found.map((experiment) => (
            <tr key={experiment.experiment_id}>
              <td className="wide">
                <Link href={`/experiments/${experiment.experiment_id}`} className="strong">
                  {experiment.name}
                </Link>
                {experiment.workspace !== 'default' && (
                  <>
                    {' '}
                    <Badge tone="quiet">{experiment.workspace}</Badge>
                  </>
                )}
                {note(experiment) && <span className="under clamp">{note(experiment)}</span>}
              </td>
              <td className="num right nowrap">
                {experiment.running > 0 && (
                  <Badge tone="active">
                    <span className="spinner" /> {experiment.running} running
                  </Badge>
                )}{' '}
                {whole(experiment.runs)}
              </td>
              <td className="nowrap">{experiment.last_start === null ? <span className="faint">none yet</span> : <Ago time={experiment.last_start} />}</td>
              <td className="nowrap">
                <Ago time={experiment.created} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

export function note(experiment: Pick<ExperimentSummary, 'tags'>): string {
  return experiment.tags.find((tag) => tag.key === NOTE)?.value ?? '';
}
