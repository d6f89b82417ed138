import { describe, expect, it } from 'vitest';
import { lookOf, MAX_ROWS, readSeparated, tableOf } from '../../src/features/run/preview';
import { taskOf } from '../../src/features/run/task';

it('judges files by their names', () => {
  expect(lookOf('plots/a.b.PNG')).toBe('image');
  expect(lookOf('model/MLmodel')).toBe('text');
  expect(lookOf('page.html')).toBe('text');
  expect(lookOf('table.csv')).toBe('csv');
  expect(lookOf('weights.bin')).toBe('none');
  expect(lookOf('folder.csv/weights')).toBe('none');
});

describe('separated values', () => {
  it('heed quotes and ends of lines', () => {
    const table = readSeparated('a,b\r\n"x, ""y""\nz",2\n3,', ',', true);
    expect(table).toEqual({ columns: ['a', 'b'], rows: [['x, "y"\nz', '2'], ['3', '']], more: false });
  });

  it('leave out the last line of a cut file', () => {
    expect(readSeparated('a\tb\n1\t2\n3\t4', '\t', false)).toEqual({ columns: ['a', 'b'], rows: [['1', '2']], more: true });
  });

  it('end after many rows', () => {
    const table = readSeparated(`a\n${'1\n'.repeat(MAX_ROWS + 5)}`, ',', true);
    expect([table.rows.length, table.more]).toEqual([MAX_ROWS, true]);
    expect(readSeparated(`a\n${'1\n'.repeat(MAX_ROWS)}`, ',', true).more).toBe(false);
    expect(readSeparated('', ',', true)).toEqual({ columns: [], rows: [], more: false });
  });
});

it('finds tables in JSON', () => {
  expect(tableOf({ columns: ['a'], data: [[1], [null], ['x']] })).toEqual({ columns: ['a'], rows: [['1'], [''], ['x']], more: false });
  expect(tableOf([{ a: 1 }, { b: [2] }])).toEqual({ columns: ['a', 'b'], rows: [['1', ''], ['', '[2]']], more: false });
  expect(tableOf({ a: 1 })).toBeNull();
  expect(tableOf([1, 2])).toBeNull();
});

it('reads the task attempt that made a run', () => {
  expect(taskOf('task:flights/manual__1/train#2')).toEqual({ dag: 'flights', run: 'manual__1', task: 'train', attempt: 2 });
  expect(taskOf('user:ada')).toBeNull();
});
