import { useCallback, useMemo, useState } from 'react';
import { useKept, usePollQuery } from '../../api/poll';
import { COMPARE, type CompareRequest, type Comparison, MAX_COMPARED } from '../../api/tracking';
import { Link, setParams, useParam } from '../../app/router';
import { useTheme } from '../../charts/theme';
import { Card, Empty } from '../../components/Card';
import { plural } from '../../components/format';
import { Loaded, Page } from '../../components/Page';
import { type Frame, frame } from '../../runs/frame';
import { Courses } from './Courses';
import { Differences } from './Differences';
import { Parallel } from './Parallel';
import { Scatter } from './Scatter';
import '../../runs/runs.css';
import './compare.css';

const ASK_MS = 10_000;
const WHOLE_TEXT = 8000;
/** Runs that the head names one by one. */
const NAMED = 24;

export default function ComparePage() {
  const [given] = useParam('runs');
  const ids = useMemo(() => [...new Set(given?.split(',').filter(Boolean) ?? [])].slice(0, MAX_COMPARED), [given]);
  const crumbs = [{ href: '/experiments', title: 'Experiments' }];
  if (ids.length === 0) {
    return (
      <Page title="Compare runs" crumbs={crumbs}>
        <Empty title="No run is chosen">
          Select runs in the table of <Link href="/experiments">an experiment</Link>.
        </Empty>
      </Page>
    );
  }
  return <Compared ids={ids} />;
}

function Compared({ ids }: { ids: string[] }) {
  const request: CompareRequest = useMemo(() => ({ run_ids: ids, text_limit: WHOLE_TEXT }), [ids]);
  const asked = usePollQuery<Comparison>(COMPARE, request, ASK_MS);
  const answer = useKept(asked.data);
  const runs = useMemo(() => (answer ? frame(answer) : null), [answer]);
  const experiment = runs && new Set(runs.experiments).size === 1 ? runs.experiments[0] : undefined;
  const crumbs = [{ href: '/experiments', title: 'Experiments' }, ...(experiment ? [{ href: `/experiments/${experiment}`, title: 'All its runs' }] : [])];
  return (
    <Page title={`Compare ${plural(ids.length, 'run')}`} crumbs={crumbs}>
      {runs ? <Views frame={runs} /> : <Loaded from={asked}>{() => null}</Loaded>}
    </Page>
  );
}

function Views({ frame }: { frame: Frame }) {
  const [focus, setFocus] = useState<string | null>(null);
  const colourOf = useCallback((run: number) => run, []);
  const pick = useCallback((id: string | null) => setFocus(id), []);
  return (
    <>
      <Legend frame={frame} focus={focus} onFocus={pick} />
      <Courses frame={frame} focus={focus} colourOf={colourOf} />
      <Differences frame={frame} focus={focus} onFocus={pick} />
      <Card title="Parallel coordinates" aside="Each line is a run; drag along an axis to keep a part of them">
        <Parallel frame={frame} focus={focus} onFocus={pick} />
      </Card>
      <Card title="Scatter" aside="Each point is a run">
        <Scatter frame={frame} focus={focus} onFocus={pick} />
      </Card>
    </>
  );
}

interface LegendProps {
  frame: Frame;
  focus: string | null;
  onFocus: (id: string | null) => void;
}

/** The runs in their colours; one that is pointed at stands out everywhere. */
function Legend({ frame, focus, onFocus }: LegendProps) {
  const theme = useTheme();
  const without = (id: string) => setParams({ runs: frame.ids.filter((one) => one !== id).join(',') });
  return (
    <ul className="run-legend" aria-label="Compared runs">
      {frame.ids.slice(0, NAMED).map((id, run) => (
        <li key={id} className={focus === id ? 'focus' : undefined} onPointerEnter={() => onFocus(id)} onPointerLeave={() => onFocus(null)}>
          <span className={run >= theme.runs.length ? 'swatch dashed' : 'swatch'} style={{ background: theme.runs[run % theme.runs.length] }} />
          <Link href={`/experiments/${frame.experiments[run]}/runs/${id}`} title={frame.names[run]}>
            {frame.names[run]}
          </Link>
          <button type="button" aria-label={`Leave ${frame.names[run]} out`} title="Leave out" onClick={() => without(id)}>
            ×
          </button>
        </li>
      ))}
      {frame.count > NAMED && <li className="faint">and {frame.count - NAMED} more</li>}
    </ul>
  );
}
