import { type Cell, type Column, type Frame, numberOf } from './frame';

/** The order of rows: by a column, up or down. In addresses `-metrics.auc` is down. */
export interface Order {
  id: string;
  descending: boolean;
}

export function readOrder(text: string | null): Order | null {
  if (!text) return null;
  return text.startsWith('-') ? { id: text.slice(1), descending: true } : { id: text, descending: false };
}

export function writeOrder(order: Order | null): string | null {
  return order && (order.descending ? `-${order.id}` : order.id);
}

/** A click on a heading: numbers begin with the highest, texts with the first; the third click ends it. */
export function nextOrder(order: Order | null, column: Pick<Column, 'id' | 'sort'>): Order | null {
  const first = column.sort !== 'text';
  if (order?.id !== column.id) return { id: column.id, descending: first };
  return order.descending === first ? { id: column.id, descending: !first } : null;
}

/** The order as the server's search takes it; none for what it does not know. */
export function serverOrder(order: Order | null): string | null {
  if (!order || order.id === 'attributes.duration' || order.id === 'attributes.created_by') return null;
  const dot = order.id.indexOf('.');
  return `${order.id.slice(0, dot)}.\`${order.id.slice(dot + 1)}\` ${order.descending ? 'DESC' : 'ASC'}`;
}

const COLLATOR = new Intl.Collator('en', { numeric: true });

/** The places of runs in the order of a column. What has no value comes last either way, NaN before it. */
export function ordered(frame: Frame, order: Order | null): number[] {
  const rows = Array.from({ length: frame.count }, (_, row) => row);
  const cells = order?.id === 'attributes.run_name' ? frame.names : null;
  const column = order ? frame.byId.get(order.id) : undefined;
  if (!order || (!column && !cells)) return rows;
  const of = (row: number): Cell => (cells ? (cells[row] ?? null) : column?.sort === 'number' && column.cells[row] !== null && !Number.isNaN(column.cells[row]) ? numberOf(column, row) : (column?.cells[row] ?? null));
  const rank = (cell: Cell) => (cell === null ? 2 : Number.isNaN(cell) ? 1 : 0);
  const sign = order.descending ? -1 : 1;
  return rows.sort((a, b) => {
    const [x, y] = [of(a), of(b)];
    const ranks = rank(x) - rank(y);
    if (ranks !== 0 || rank(x) > 0) return ranks || a - b;
    const by = typeof x === 'number' && typeof y === 'number' ? x - y : COLLATOR.compare(String(x), String(y));
    return sign * by || a - b;
  });
}

export type Aggregate = 'mean' | 'min' | 'max' | 'median';
export const AGGREGATES: Aggregate[] = ['mean', 'median', 'min', 'max'];

export interface Group {
  value: Cell;
  rows: number[];
}

/** Rows by the value of a column, in the order of their first row. */
export function grouped(rows: number[], column: Column): Group[] {
  const groups = new Map<Cell, Group>();
  for (const row of rows) {
    const value = column.cells[row] ?? null;
    const group = groups.get(value);
    if (group) group.rows.push(row);
    else groups.set(value, { value, rows: [row] });
  }
  return [...groups.values()];
}

/** Many numbers as one; none when there is none, NaN apart. */
export function aggregated(column: Column, rows: number[], how: Aggregate): number | null {
  const values = rows.map((row) => numberOf(column, row)).filter((value) => value !== null);
  if (values.length === 0) return null;
  if (how === 'mean') return values.reduce((sum, value) => sum + value, 0) / values.length;
  values.sort((a, b) => a - b);
  const at = (share: number) => values[Math.round(share * (values.length - 1))] ?? null;
  if (how === 'min') return at(0);
  if (how === 'max') return at(1);
  const middle = (values.length - 1) / 2;
  return ((values[Math.floor(middle)] ?? 0) + (values[Math.ceil(middle)] ?? 0)) / 2;
}

/** What stands in a line of the table: a run, or the head of a group. */
export type Line = { run: number } | { group: Group; open: boolean };

export function lines(rows: number[], groups: Group[] | null, open: ReadonlySet<string>): Line[] {
  if (!groups) return rows.map((run) => ({ run }));
  return groups.flatMap((group): Line[] => {
    const isOpen = open.has(groupKey(group.value));
    return [{ group, open: isOpen }, ...(isOpen ? group.rows.map((run) => ({ run })) : [])];
  });
}

export function groupKey(value: Cell): string {
  return value === null ? '' : `=${value}`;
}
