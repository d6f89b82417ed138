import { describe, expect, it } from 'vitest';
import { increments, label } from '../../src/charts/axes';
import { above, below, timeRange, track, valueRange } from '../../src/charts/series';
import type { MonitorWindow } from '../../src/api/types';

const DAY = 86_400_000;

function window(id: number, version: number, auc: number | null, end: number | null): MonitorWindow {
  return { id, version, time: 1_000_000 + id * 1000, event_start: null, event_end: end, rows: 2000, values: { auc }, breaches: [] };
}

describe('a track', () => {
  it('has one line for each version over a common axis', () => {
    const made = track([window(1, 1, 0.7, DAY), window(2, 1, 0.65, 2 * DAY), window(3, 2, 0.75, 3 * DAY)], [], 'auc', below(0.68));
    expect(made.axis).toBe('event');
    expect(made.xs).toEqual([86_400, 172_800, 259_200]);
    expect(made.lines).toEqual([
      { version: 1, values: [0.7, 0.65, null] },
      { version: 2, values: [null, null, 0.75] },
    ]);
    expect(made.breached).toEqual([false, true, false]);
  });

  it('is ordered even where windows were judged out of order', () => {
    const made = track([window(1, 1, 0.7, 3 * DAY), window(2, 1, 0.6, DAY)], [], 'auc', below(0.68));
    expect(made.xs).toEqual([86_400, 259_200]);
    expect(made.windows.map((one) => one.id)).toEqual([2, 1]);
    expect(made.breached).toEqual([true, false]);
  });

  it('falls back to the wall clock when a window does not tell its event time', () => {
    const made = track([window(1, 1, 0.7, DAY), window(2, 1, 0.7, null)], [{ time: 1_001_500, event_time: 5, kind: 'champion', label: 'v1' }], 'auc', below(0.68));
    expect(made.axis).toBe('wall');
    expect(made.xs).toEqual([1001, 1002]);
    expect(made.marks).toEqual([{ x: 1001.5, kind: 'champion', label: 'v1' }]);
  });

  it('places a mark by its event time, or at the newest window before it', () => {
    const windows = [window(1, 1, 0.7, DAY), window(2, 1, 0.7, 2 * DAY)];
    const mark = (time: number, event_time: number | null) => ({ time, event_time, kind: 'retraining' as const, label: 'retraining' });
    const made = track(windows, [mark(0, 3 * DAY), mark(1_001_500, null), mark(2_000_000, null), mark(0, null)], 'auc', below(null));
    expect(made.marks.map((one) => one.x)).toEqual([259_200, 86_400, 172_800]);
  });

  it('never breaches without a value or a limit', () => {
    expect(track([window(1, 1, null, DAY)], [], 'auc', below(0.68)).breached).toEqual([false]);
    expect(below(null)(0)).toBe(false);
    expect(above(undefined)(9)).toBe(false);
    expect(above(0.1)(-0.2)).toBe(true);
  });
});

describe('ranges', () => {
  it('hold all windows, marks and the limit', () => {
    const made = track([window(1, 1, 0.7, DAY), window(2, 1, 0.75, 40 * DAY)], [{ time: 0, event_time: 50 * DAY, kind: 'champion', label: 'v2' }], 'auc', below(0.68));
    const [from, to] = timeRange(made);
    expect(from).toBeLessThan(86_400);
    expect(to).toBeGreaterThan(50 * 86_400);
    const [low, high] = valueRange(made, 0.6, 0.08);
    expect(low).toBeLessThan(0.6);
    expect(high).toBeGreaterThan(0.75);
  });

  it('do not magnify noise, nor fall below zero', () => {
    const made = track([window(1, 1, 0.001, DAY), window(2, 1, 0.002, 2 * DAY)], [], 'auc', below(null));
    const [low, high] = valueRange(made, null, 0.1);
    expect(low).toBe(0);
    expect(high).toBeGreaterThan(0.05);
  });
});

describe('the axis of time', () => {
  it('steps by months over half a year, by days within a month', () => {
    expect(increments('event', 180 * 86_400)[0]).toBe(30 * 86_400);
    expect(increments('event', 20 * 86_400)[0]).toBe(86_400);
    expect(increments('wall', 180)[0]).toBe(1);
  });

  it('names months, and tells the year first and in January', () => {
    const at = (month: number) => Date.UTC(2013, month, 1) / 1000;
    expect(label('event', at(0), 30 * 86_400, false)).toBe('Jan 2013');
    expect(label('event', at(3), 30 * 86_400, false)).toBe('Apr');
    expect(label('event', at(3), 30 * 86_400, true)).toBe('Apr 2013');
    expect(label('event', at(3), 7 * 86_400, true)).toBe('Apr 1');
  });
});
