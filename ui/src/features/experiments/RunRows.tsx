import { type CSSProperties, memo, type MouseEvent } from 'react';
import { useNow } from '../../app/clock';
import { Link } from '../../app/router';
import { measured, moment, plural, whole } from '../../components/format';
import { Icon } from '../../components/Icon';
import { columnTitle, shown } from '../../runs/cells';
import { type Cell, type Column, type Frame, numberOf } from '../../runs/frame';
import { type Aggregate, aggregated, type Group, groupKey } from '../../runs/rows';
import { StatusSign } from '../../runs/RunState';

export type Extent = [low: number, high: number] | null;

/** Between which values a metric lies; none where there is nothing to compare. */
export function extentOf(column: Column): Extent {
  if (column.kind !== 'metrics') return null;
  let low = Infinity;
  let high = -Infinity;
  for (const cell of column.cells) {
    if (typeof cell !== 'number' || Number.isNaN(cell)) continue;
    if (cell < low) low = cell;
    if (cell > high) high = cell;
  }
  return high > low ? [low, high] : null;
}

interface Common {
  frame: Frame;
  columns: Column[];
  extents: ReadonlyMap<string, Extent>;
  at: number;
  selected: boolean;
  onSelect: (line: number, event: MouseEvent) => void;
}

export const RunRow = memo(function RunRow({ frame, columns, extents, at, selected, onSelect, run, indented }: Common & { run: number; indented: boolean }) {
  const name = frame.names[run] ?? '';
  const href = `/experiments/${frame.experiments[run] ?? ''}/runs/${frame.ids[run] ?? ''}`;
  return (
    <tr className={selected ? 'selected' : undefined} aria-rowindex={at + 2}>
      <SelectCell label={`Select ${name}`} at={at} selected={selected} onSelect={onSelect} />
      <td className={indented ? 'pin-name indented' : 'pin-name'}>
        <span className="run-name">
          <StatusSign status={frame.statuses[run] ?? 'FINISHED'} />
          <Link href={href} title={name}>
            {name}
          </Link>
        </span>
      </td>
      {columns.map((column) => (
        <ValueCell key={column.id} column={column} cell={column.cells[run] ?? null} value={numberOf(column, run)} extent={extents.get(column.id) ?? null} />
      ))}
      <td />
    </tr>
  );
});

interface GroupRowProps extends Common {
  line: { group: Group; open: boolean };
  column: Column | undefined;
  aggregate: Aggregate;
  onOpen: (key: string) => void;
}

export function GroupRow({ columns, extents, at, selected, onSelect, line, column, aggregate, onOpen }: GroupRowProps) {
  const { group, open } = line;
  const value = column && group.value !== null ? shown(column, group.value, 0) : 'not set';
  return (
    <tr className={selected ? 'group selected' : 'group'} aria-rowindex={at + 2}>
      <SelectCell label={`Select the group ${value}`} at={at} selected={selected} onSelect={onSelect} />
      <td className="pin-name">
        <button type="button" className="group-head" aria-expanded={open} onClick={() => onOpen(groupKey(group.value))} title={`${column ? columnTitle(column) : ''} ${value}`}>
          <Icon name="chevron" size={12} />
          <strong className={group.value === null ? 'faint' : undefined}>{value}</strong>
          <span className="faint num">{whole(group.rows.length)}</span>
        </button>
      </td>
      {columns.map((one) => (
        <GroupCell key={one.id} column={one} rows={group.rows} how={aggregate} extent={extents.get(one.id) ?? null} />
      ))}
      <td />
    </tr>
  );
}

function SelectCell({ label, at, selected, onSelect }: { label: string; at: number; selected: boolean; onSelect: Common['onSelect'] }) {
  return (
    <td className="pin-box">
      <input type="checkbox" aria-label={label} checked={selected} onClick={(event) => onSelect(at, event)} readOnly />
    </td>
  );
}

/** Numbers of a group as one; of texts the one they share, or how many there are. */
const GroupCell = memo(function GroupCell({ column, rows, how, extent }: { column: Column; rows: number[]; how: Aggregate; extent: Extent }) {
  if (column.kind === 'metrics' || column.sort === 'duration') {
    const value = aggregated(column, rows, how);
    const low = aggregated(column, rows, 'min');
    const high = aggregated(column, rows, 'max');
    const range = low === null || high === null ? undefined : `${how} of ${plural(rows.length, 'run')}, from ${shown(column, low, 0)} to ${shown(column, high, 0)}`;
    return (
      <td className="num right bar" style={bar(value, extent)} title={range}>
        {value === null ? '' : shown(column, value, 0)}
      </td>
    );
  }
  if (column.sort === 'time') return <td />;
  const values = new Set(rows.map((row) => column.cells[row] ?? null));
  const [only] = values;
  return <td className={column.sort === 'number' ? 'num right' : undefined}>{values.size === 1 ? shown(column, only ?? null, 0) : <span className="faint">{plural(values.size, 'value')}</span>}</td>;
});

const ValueCell = memo(function ValueCell({ column, cell, value, extent }: { column: Column; cell: Cell; value: number | null; extent: Extent }) {
  if (cell === null) return <td className={column.sort === 'text' ? 'absent' : 'absent right'}>–</td>;
  if (column.sort === 'time' && typeof cell === 'number') return <TimeCell time={cell} column={column} />;
  if (column.kind === 'metrics') {
    const isNaN = Number.isNaN(cell);
    return (
      <td className={isNaN ? 'num right nan' : 'num right bar'} style={bar(value, extent)} title={String(cell)}>
        {measured(Number(cell))}
      </td>
    );
  }
  const text = shown(column, cell, 0);
  return (
    <td className={column.sort === 'text' ? undefined : 'num right'} title={text}>
      {text}
    </td>
  );
});

function TimeCell({ time, column }: { time: number; column: Column }) {
  const now = useNow();
  return <td title={moment(time)}>{shown(column, time, now)}</td>;
}

/** How large a value is among those of its column, as a share of the cell. */
function bar(value: number | null, extent: Extent): CSSProperties | undefined {
  if (value === null || !extent) return undefined;
  const share = (value - extent[0]) / (extent[1] - extent[0]);
  return { '--bar': `${(4 + 96 * share).toFixed(1)}%` } as CSSProperties;
}
