import { ago, duration, measured } from '../components/format';
import type { Cell, Column } from './frame';

/** A cell as it is shown; empty where the run has nothing. */
export function shown(column: Column, cell: Cell, now: number): string {
  if (cell === null) return '';
  if (typeof cell === 'string') return cell;
  if (column.sort === 'time') return ago(cell, now);
  if (column.sort === 'duration') return duration(cell);
  return measured(cell);
}

/** What a column is called: attributes in words, the rest by their key. */
export function columnTitle(column: { kind: string; key: string }): string {
  if (column.kind !== 'attributes') return column.key;
  const words: Record<string, string> = {
    status: 'status',
    start_time: 'started',
    duration: 'duration',
    user_id: 'user',
    created_by: 'created by',
    run_id: 'run id',
    run_name: 'name',
  };
  return words[column.key] ?? column.key;
}
