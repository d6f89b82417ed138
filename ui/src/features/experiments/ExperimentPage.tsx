import { useMemo } from 'react';
import { useKept, usePoll, usePollQuery } from '../../api/poll';
import { COMPARE, type CompareRequest, type Comparison, type ExperimentSummary, MAX_PAGE } from '../../api/tracking';
import { useParam } from '../../app/router';
import { Empty } from '../../components/Card';
import { Page, RefusedNote } from '../../components/Page';
import { type Column, frame } from '../../runs/frame';
import { readOrder, serverOrder } from '../../runs/rows';
import { note } from './ExperimentsPage';
import { FilterBox } from './FilterBox';
import { meant } from './suggest';
import { RunTable } from './RunTable';
import '../../runs/runs.css';

const FEW = 500;
const FEW_MS = 4000;
const MANY_MS = 30_000;
const SOME = 200;

export default function ExperimentPage({ params }: { params: Record<string, string> }) {
  const id = params.experiment ?? '';
  return <Experiment key={id} id={id} />;
}

function Experiment({ id }: { id: string }) {
  const list = usePoll<{ experiments: ExperimentSummary[] }>('/api/v1/tracking/experiments?view=all', MANY_MS);
  const experiment = list.data?.experiments.find((one) => one.experiment_id === id);
  const about = experiment ? note(experiment) : '';
  return (
    <Page title={experiment?.name ?? `Experiment ${id}`} lead={about} crumbs={[{ href: '/experiments', title: 'Experiments' }]}>
      {list.data && !experiment ? <Empty title={`There is no experiment ${id}`} /> : <Runs id={id} size={experiment?.runs ?? 0} />}
    </Page>
  );
}

function Runs({ id, size }: { id: string; size: number }) {
  const [filter, setFilter] = useParam('filter');
  const [view, setView] = useParam('view');
  const [order] = useParam('sort');
  // Beyond one page the server must order, as it alone knows all runs; otherwise the table does.
  const byServer = size > MAX_PAGE ? serverOrder(readOrder(order)) : null;
  const request: CompareRequest = {
    experiment_ids: [id],
    filter: filter ?? '',
    view: view === 'deleted' ? 'deleted' : 'active',
    limit: MAX_PAGE,
    ...(byServer ? { order_by: [byServer] } : {}),
  };
  const asked = usePollQuery<Comparison>(COMPARE, request, size > FEW ? MANY_MS : FEW_MS);
  const answer = useKept(asked.data);
  const runs = useMemo(() => (answer ? frame(answer) : null), [answer]);
  // With a filter that is refused from the start, names to help with come from some of the runs.
  const some = usePollQuery<Comparison>(COMPARE, asked.refused && !answer ? { experiment_ids: [id], limit: SOME } : null, MANY_MS);
  const named = useMemo(() => (some.data ? frame(some.data) : runs), [some.data, runs]);
  return (
    <>
      <div className="table-tools">
        <FilterBox value={filter ?? ''} columns={named?.columns ?? []} onChange={setFilter} />
        <button type="button" className="chip" aria-pressed={view === 'deleted'} onClick={() => setView(view === 'deleted' ? null : 'deleted')}>
          deleted
        </button>
      </div>
      {asked.refused && (
        <RefusedNote refused={asked.refused}>
          <Meant filter={filter ?? ''} message={asked.refused.message} columns={named?.columns ?? []} onChange={setFilter} />
        </RefusedNote>
      )}
      {runs ? (
        <RunTable frame={runs} more={answer?.next !== null} filtered={Boolean(filter)} deleted={view === 'deleted'} stale={asked.data === null} />
      ) : (
        !asked.refused && <p className="loading">Loading…</p>
      )}
    </>
  );
}

/** Filters that were perhaps meant: a name without its kind is the commonest mistake. */
function Meant({ filter, message, columns, onChange }: { filter: string; message: string; columns: Column[]; onChange: (filter: string) => void }) {
  const offers = meant(filter, message, columns);
  if (offers.length === 0) return null;
  return (
    <p className="meant">
      Did you mean{' '}
      {offers.map((offer) => (
        <button key={offer} type="button" className="link mono" onClick={() => onChange(offer)}>
          {offer}
        </button>
      ))}
      ?
    </p>
  );
}
