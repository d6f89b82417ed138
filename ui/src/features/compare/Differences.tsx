import { useMemo } from 'react';
import { Link, setParams, useParam } from '../../app/router';
import { useTheme } from '../../charts/theme';
import { Card, Empty } from '../../components/Card';
import { measured, plural } from '../../components/format';
import { useNow } from '../../app/clock';
import { columnTitle, shown } from '../../runs/cells';
import { type Column, differs, type Frame, isOwnTag, isSystem, KIND_WORDS, KINDS } from '../../runs/frame';
import { StatusSign } from '../../runs/RunState';

interface DifferencesProps {
  frame: Frame;
  focus: string | null;
  onFocus: (id: string | null) => void;
}

/** Runs that have a column of their own; more do not fit side by side. */
const MANY = 100;

/** Runs as columns: what they were given, and what came out. At first only what differs. */
export function Differences({ frame, focus, onFocus }: DifferencesProps) {
  const [all] = useParam('all');
  const [own] = useParam('own');
  const theme = useTheme();
  const now = useNow();
  const showAll = all === '1' || frame.count < 2;
  const groups = useMemo(
    () =>
      KINDS.map((kind) => {
        const columns = frame.columns.filter((column) => column.kind === kind && !isSystem(column) && (own === '1' || !isOwnTag(column)) && column.id !== 'attributes.run_id');
        return { kind, columns: showAll ? columns : columns.filter(differs), of: columns.length };
      }).filter((group) => group.columns.length > 0),
    [frame, showAll, own],
  );
  const runs = frame.ids.slice(0, MANY).map((_, run) => run);
  const counted = groups.reduce((sum, group) => sum + group.columns.length, 0);
  return (
    <Card
      title="Differences"
      aside={
        <span className="card-tools">
          {frame.count > MANY && <span className="faint">the first {MANY} runs</span>}
          <button type="button" className="chip" aria-pressed={!showAll} disabled={frame.count < 2} onClick={() => setParams({ all: showAll ? null : '1' })}>
            only what differs
          </button>
          <button type="button" className="chip" aria-pressed={own === '1'} onClick={() => setParams({ own: own === '1' ? null : '1' })}>
            mlflow tags
          </button>
        </span>
      }
    >
      {counted === 0 ? (
        <Empty title="The runs do not differ" />
      ) : (
        <div className="diff-scroll">
          <table className="diff">
            <thead>
              <tr>
                <th scope="col" className="diff-name">
                  <span className="sr-only">Name</span>
                </th>
                {runs.map((run) => (
                  <th key={frame.ids[run]} scope="col" className={focus === frame.ids[run] ? 'focus' : undefined} onPointerEnter={() => onFocus(frame.ids[run] ?? null)} onPointerLeave={() => onFocus(null)}>
                    <span className="diff-run">
                      <span className="swatch" style={{ background: theme.runs[run % theme.runs.length] }} />
                      <StatusSign status={frame.statuses[run] ?? 'FINISHED'} />
                      <Link href={`/experiments/${frame.experiments[run]}/runs/${frame.ids[run]}`} title={frame.names[run]}>
                        {frame.names[run]}
                      </Link>
                    </span>
                  </th>
                ))}
              </tr>
            </thead>
            {groups.map((group) => (
              <tbody key={group.kind}>
                <tr className="diff-group">
                  <th scope="colgroup" colSpan={runs.length + 1}>
                    <span>
                      {KIND_WORDS[group.kind].many}
                      {!showAll && group.of > group.columns.length && <small>{plural(group.of - group.columns.length, 'equal one', 'equal ones')} hidden</small>}
                    </span>
                  </th>
                </tr>
                {group.columns.map((column) => (
                  <Row key={column.id} column={column} runs={runs} frame={frame} focus={focus} now={now} />
                ))}
              </tbody>
            ))}
          </table>
        </div>
      )}
    </Card>
  );
}

function Row({ column, runs, frame, focus, now }: { column: Column; runs: number[]; frame: Frame; focus: string | null; now: number }) {
  const numbers = column.kind === 'metrics' ? runs.map((run) => column.cells[run]).filter((cell): cell is number => typeof cell === 'number' && !Number.isNaN(cell)) : [];
  const [low, high] = [Math.min(...numbers), Math.max(...numbers)];
  return (
    <tr>
      <th scope="row" className="diff-name" title={column.key}>
        {columnTitle(column)}
      </th>
      {runs.map((run) => {
        const cell = column.cells[run] ?? null;
        const isMetric = column.kind === 'metrics' && typeof cell === 'number';
        const text = isMetric ? measured(cell) : shown(column, cell, now);
        const extreme = isMetric && high > low && (cell === high ? 'highest' : cell === low ? 'lowest' : '');
        const classes = [focus === frame.ids[run] ? 'focus' : '', isMetric ? 'num' : '', isMetric && Number.isNaN(cell) ? 'nan' : '', extreme || ''].filter(Boolean).join(' ');
        return (
          <td key={frame.ids[run]} className={classes || undefined} title={extreme ? `${text}, the ${extreme}` : isMetric ? String(cell) : text}>
            {cell === null ? <span className="faint">–</span> : text}
            {extreme && <span className="extreme">{extreme === 'highest' ? '▲' : '▼'}</span>}
          </td>
        );
      })}
    </tr>
  );
}
