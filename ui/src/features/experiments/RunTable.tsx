import { type MouseEvent, useCallback, useLayoutEffect, useMemo, useRef } from 'react';
import { MAX_COMPARED } from '../../api/tracking';
import { Link, setParams, useParam } from '../../app/router';
import { Empty } from '../../components/Card';
import { plural, whole } from '../../components/format';
import { columnTitle } from '../../runs/cells';
import { type Column, type Frame, isOwnTag, tellingColumns } from '../../runs/frame';
import { type Aggregate, AGGREGATES, grouped, groupKey, type Line, lines, ordered, readOrder } from '../../runs/rows';
import { useWindow } from '../../runs/window';
import { ColumnPicker } from './ColumnPicker';
import { extentOf, GroupRow, RunRow } from './RunRows';
import { TableHead, widthOf } from './TableHead';

interface RunTableProps {
  frame: Frame;
  /** Whether the server has more runs than the table. */
  more: boolean;
  filtered: boolean;
  deleted: boolean;
  /** Whether the answer to a changed question is still awaited. */
  stale: boolean;
}

const ROW = 36;

/** Runs as rows. Only those in view are in the document; everything chosen here is in the address. */
export function RunTable({ frame, more, filtered, deleted, stale }: RunTableProps) {
  const [chosenColumns] = useParam('columns');
  const [sort] = useParam('sort');
  const [groupBy] = useParam('group');
  const [how] = useParam('agg');
  const [opened] = useParam('open');
  const [selection] = useParam('selected');
  const box = useRef<HTMLDivElement>(null);
  const lastClicked = useRef<number | null>(null);

  const shown = useMemo(() => chosenColumns?.split(',') ?? tellingColumns(frame), [chosenColumns, frame]);
  const columns = useMemo(() => shown.flatMap((id) => frame.byId.get(id) ?? []), [shown, frame]);
  const order = useMemo(() => readOrder(sort), [sort]);
  const rows = useMemo(() => ordered(frame, order), [frame, order]);
  const groupColumn = groupBy ? frame.byId.get(groupBy) : undefined;
  const groups = useMemo(() => (groupColumn ? grouped(rows, groupColumn) : null), [rows, groupColumn]);
  const open = useMemo(() => new Set(opened?.split(',') ?? []), [opened]);
  const all = useMemo(() => lines(rows, groups, open), [rows, groups, open]);
  const selected = useMemo(() => new Set(selection?.split(',').filter(Boolean) ?? []), [selection]);
  const extents = useMemo(() => new Map(columns.map((column) => [column.id, extentOf(column)])), [columns]);
  const aggregate: Aggregate = AGGREGATES.find((one) => one === how) ?? 'mean';
  const window = useWindow(box, ROW, all.length);
  const select = (ids: Set<string>) => setParams({ selected: [...ids].slice(0, MAX_COMPARED).join(',') });
  const toggle = (line: number, event: MouseEvent) => {
    const next = new Set(selected);
    const on = !isSelected(all[line], frame, selected);
    const from = event.shiftKey && lastClicked.current !== null ? lastClicked.current : line;
    for (let index = Math.min(from, line); index <= Math.max(from, line); index += 1) {
      for (const run of runsOf(all[index])) {
        const id = frame.ids[run] ?? '';
        if (on) next.add(id);
        else next.delete(id);
      }
    }
    lastClicked.current = line;
    select(next);
  };
  // Rows that stay in view are not drawn anew, so what they call must not change.
  const onSelect = useRef<(line: number, event: MouseEvent) => void>(() => {});
  const selectLine = useCallback((line: number, event: MouseEvent) => onSelect.current(line, event), []);
  useLayoutEffect(() => {
    onSelect.current = toggle;
  });

  if (frame.count === 0) {
    const title = filtered ? 'No run fits the filter' : deleted ? 'No run was deleted' : 'No run yet';
    return <Empty title={title}>{!filtered && !deleted && 'Point an MLflow client at this server and start a run in this experiment.'}</Empty>;
  }

  const toggleGroup = (key: string) => {
    const next = new Set(open);
    if (!next.delete(key)) next.add(key);
    setParams({ open: [...next].join(',') });
  };
  const widths = columns.map(widthOf);

  return (
    <section className={stale ? 'runs stale' : 'runs'} aria-label="Runs">
      <div className="table-bar">
        <p className="count" role="status">
          {more ? `the first ${plural(frame.count, 'run')}; a filter shows others` : plural(frame.count, 'run')}
          {groups && ` in ${plural(groups.length, 'group')}`}
          {selected.size > 0 && ` · ${whole(selected.size)} selected`}
          {selected.size >= MAX_COMPARED && ' (no more can be compared at once)'}
        </p>
        {selected.size > 0 && (
          <button type="button" className="link" onClick={() => select(new Set())}>
            clear
          </button>
        )}
        <span className="table-bar-end">
          <GroupChoice frame={frame} value={groupColumn?.id ?? ''} aggregate={aggregate} />
          <ColumnPicker frame={frame} chosen={shown} onChange={(ids) => setParams({ columns: ids?.join(',') ?? null })} />
          {selected.size > 0 ? (
            <Link className="button solid" href={`/experiments/compare?runs=${[...selected].join(',')}`}>
              Compare {whole(selected.size)}
            </Link>
          ) : (
            <button type="button" className="button" disabled title="Select runs in the first column to compare them">
              Compare
            </button>
          )}
        </span>
      </div>
      <div className="run-scroll" ref={box} style={{ '--lines': all.length } as React.CSSProperties}>
        <table className="run-table" style={{ width: 320 + widths.reduce((sum, width) => sum + width, 0) }} aria-rowcount={all.length + 1}>
          <colgroup>
            <col style={{ width: 40 }} />
            <col style={{ width: 280 }} />
            {columns.map((column, index) => (
              <col key={column.id} style={{ width: widths[index] }} />
            ))}
            <col />
          </colgroup>
          <TableHead columns={columns} order={order} all={selected.size >= Math.min(frame.count, MAX_COMPARED)} onAll={(on) => select(new Set(on ? rows.map((row) => frame.ids[row] ?? '') : []))} />
          <tbody>
            <tr className="spacer" style={{ height: window.first * ROW }} aria-hidden="true" />
            {all.slice(window.first, window.end).map((line, index) => {
              const at = window.first + index;
              const common = { frame, columns, extents, at, selected: isSelected(line, frame, selected), onSelect: selectLine };
              return 'run' in line ? (
                <RunRow key={frame.ids[line.run]} {...common} run={line.run} indented={groups !== null} />
              ) : (
                <GroupRow key={`group ${groupKey(line.group.value)}`} {...common} line={line} column={groupColumn} aggregate={aggregate} onOpen={toggleGroup} />
              );
            })}
            <tr className="spacer" style={{ height: (all.length - Math.min(window.end, all.length)) * ROW }} aria-hidden="true" />
          </tbody>
        </table>
      </div>
    </section>
  );
}

function runsOf(line: Line | undefined): number[] {
  if (!line) return [];
  return 'run' in line ? [line.run] : line.group.rows;
}

function isSelected(line: Line | undefined, frame: Frame, selected: ReadonlySet<string>): boolean {
  return runsOf(line).every((run) => selected.has(frame.ids[run] ?? ''));
}

/** By what rows are grouped: what groups them at all, and not each run by itself. */
function GroupChoice({ frame, value, aggregate }: { frame: Frame; value: string; aggregate: Aggregate }) {
  const choices = useMemo(() => frame.columns.filter((column) => groupsWell(column, frame.count)), [frame]);
  return (
    <>
      <label className="choice">
        Group by
        <select value={value} onChange={(event) => setParams({ group: event.target.value, open: null })}>
          <option value="">nothing</option>
          {choices.map((column) => (
            <option key={column.id} value={column.id}>
              {columnTitle(column)}
            </option>
          ))}
        </select>
      </label>
      {value && (
        <label className="choice">
          show
          <select value={aggregate} onChange={(event) => setParams({ agg: event.target.value === 'mean' ? null : event.target.value })}>
            {AGGREGATES.map((one) => (
              <option key={one}>{one}</option>
            ))}
          </select>
        </label>
      )}
    </>
  );
}

function groupsWell(column: Column, count: number): boolean {
  if (column.kind === 'metrics' || column.sort === 'time' || column.sort === 'duration' || column.id === 'attributes.run_id') return false;
  const values = new Set(column.cells).size;
  return values > 1 && (values < count || !isOwnTag(column));
}
