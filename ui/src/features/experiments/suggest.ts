import type { Column } from '../../runs/frame';

/** What could stand at the caret of a filter: the names of columns that fit what is being written. */
export interface Suggestions {
  /** Where the unfinished word begins. */
  from: number;
  names: string[];
}

const MANY = 8;
const PLAIN = /^\w+$/;

/** A column as a filter names it: other characters than letters, digits and `_` need quotes. */
export function filterName(column: Pick<Column, 'kind' | 'key'>): string {
  return `${column.kind}.${PLAIN.test(column.key) ? column.key : `"${column.key}"`}`;
}

/** Columns that the server's filter knows. */
export function canFilter(column: Pick<Column, 'id'>): boolean {
  return column.id !== 'attributes.duration' && column.id !== 'attributes.created_by';
}

export function suggest(text: string, caret: number, columns: Column[]): Suggestions {
  const before = text.slice(0, caret);
  // Within a quoted value nothing is suggested, and behind a finished name neither.
  if ((before.match(/'/g)?.length ?? 0) % 2 === 1) return { from: caret, names: [] };
  const word = /[\w.`"/:-]*$/.exec(before)?.[0] ?? '';
  const clause = before.slice(0, before.length - word.length);
  const expectsName = clause.trim() === '' || /\band\s+$/i.test(clause);
  if (!expectsName) return { from: caret, names: [] };
  const wanted = word.replaceAll(/[`"]/g, '').toLowerCase();
  const names = columns.filter((column) => canFilter(column) && column.id.toLowerCase().includes(wanted)).map(filterName);
  return { from: caret - word.length, names: names.filter((name) => name !== word).slice(0, MANY) };
}

/** Filters in which the name that was refused has the kind of a column that bears it. */
export function meant(filter: string, message: string, columns: Column[]): string[] {
  const name = /attribute key '([^']+)'/.exec(message)?.[1];
  if (name === undefined) return [];
  const escaped = name.replaceAll(/\W/g, '\\$&');
  const written = new RegExp(`(^|\\s)(?:attributes?\\.)?["\`]?${escaped}["\`]?(?=[\\s<>=!]|$)`);
  if (!written.test(filter)) return [];
  const bearers = columns.filter((column) => column.key === name && column.kind !== 'attributes');
  return bearers.map((column) => filter.replace(written, (_, before: string) => before + filterName(column)));
}
