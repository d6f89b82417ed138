import { setParams } from '../../app/router';
import { columnTitle, shown } from '../../runs/cells';
import { type Column, KIND_WORDS } from '../../runs/frame';
import { nextOrder, type Order, writeOrder } from '../../runs/rows';

const LETTER = 7.3;
const AIR = 30;
const LOOKED_AT = 200;

/** A width that fits the heading and most of the values. */
export function widthOf(column: Column): number {
  let longest = 4;
  for (const cell of column.cells.slice(0, LOOKED_AT)) longest = Math.max(longest, shown(column, cell, 0).length);
  if (column.sort === 'time') longest = 10;
  const title = columnTitle(column).length + 2;
  return Math.round(Math.min(240, Math.max(92, Math.max(longest, Math.min(title, 20)) * LETTER + AIR)));
}

interface TableHeadProps {
  columns: Column[];
  order: Order | null;
  /** Whether all rows are selected, as far as that is possible. */
  all: boolean;
  onAll: (select: boolean) => void;
}

/** The headings; a click orders by one. */
export function TableHead({ columns, order, all, onAll }: TableHeadProps) {
  return (
    <thead>
      <tr>
        <th className="pin-box">
          <input type="checkbox" aria-label="Select all runs" checked={all} onChange={(event) => onAll(event.target.checked)} />
        </th>
        <Heading column={{ id: 'attributes.run_name', kind: 'attributes', key: 'run_name', sort: 'text' }} order={order} className="pin-name" />
        {columns.map((column) => (
          <Heading key={column.id} column={column} order={order} />
        ))}
        <th />
      </tr>
    </thead>
  );
}

interface HeadingProps {
  column: Pick<Column, 'id' | 'kind' | 'key' | 'sort'>;
  order: Order | null;
  className?: string;
}

function Heading({ column, order, className = '' }: HeadingProps) {
  const by = order?.id === column.id ? order : null;
  const title = columnTitle(column);
  const right = column.sort === 'number' || column.sort === 'duration' ? 'right' : '';
  return (
    <th scope="col" className={`${className} ${right}`} aria-sort={by ? (by.descending ? 'descending' : 'ascending') : 'none'}>
      <button type="button" title={`${KIND_WORDS[column.kind].one} ${column.key}: order by it`} onClick={() => setParams({ sort: writeOrder(nextOrder(order, column)) })}>
        {column.kind !== 'attributes' && <span className="th-kind">{KIND_WORDS[column.kind].one}</span>}
        <span className="th-title">
          <span>{column.id === 'attributes.run_name' ? 'Run' : title}</span>
          {by && <span aria-hidden="true">{by.descending ? '↓' : '↑'}</span>}
        </span>
      </button>
    </th>
  );
}
