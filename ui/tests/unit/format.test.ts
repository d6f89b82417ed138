import { describe, expect, it } from 'vitest';
import { ago, bytes, compact, day, duration, fixed, percent, plural } from '../../src/components/format';

describe('durations', () => {
  it.each([
    [0, '0 ms'],
    [412, '412 ms'],
    [1900, '1.9 s'],
    [59_400, '59 s'],
    [61_000, '1 min 1 s'],
    [7_260_000, '2 h 1 min'],
    [-50, '0 ms'],
  ])('%i ms reads %s', (ms, text) => expect(duration(ms)).toBe(text));
});

describe('times past', () => {
  const now = Date.UTC(2026, 1, 1);
  it.each([
    [0, 'just now'],
    [-5000, 'just now'],
    [12_000, '12 s ago'],
    [125_000, '2 min ago'],
    [7_300_000, '2 h ago'],
    [86_400_000, '1 day ago'],
    [100 * 86_400_000, 'Oct 24, 2025'],
  ])('%i ms back reads %s', (back, text) => expect(ago(now - back, now)).toBe(text));
});

describe('numbers', () => {
  it('shows what is not a number as a dash', () => {
    expect(fixed(null)).toBe('–');
    expect(fixed(undefined)).toBe('–');
    expect(fixed(Number.NaN)).toBe('–');
    expect(compact(null)).toBe('–');
  });

  it.each([
    [0, '0'],
    [28_911, '28,911'],
    [0.00321, '0.0032'],
    [1.083, '1.08'],
    [412.44, '412.4'],
  ])('%f reads %s', (value, text) => expect(compact(value)).toBe(text));

  it('counts, sizes and shares', () => {
    expect(plural(1, 'file')).toBe('1 file');
    expect(plural(1200, 'file')).toBe('1,200 files');
    expect(bytes(999)).toBe('999 B');
    expect(bytes(2_914_000)).toBe('2.9 MB');
    expect(percent(0.002, 1)).toBe('0.2 %');
  });

  it('tells days in the time of the data', () => expect(day(Date.UTC(2013, 3, 1))).toBe('Apr 1, 2013'));
});
