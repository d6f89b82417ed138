import { describe, expect, it } from 'vitest';
import { type ChartLine, hits, nearest, smoothed, xRange, yRange } from '../../src/charts/lines';
import { roundNumbers, scaleOf } from '../../src/features/compare/scale';
import type { Column } from '../../src/runs/frame';

const line = (id: string, x: number[], y: number[], band?: Pick<ChartLine, 'min' | 'max'>): ChartLine => ({ id, label: id, colour: 0, x, y, ...band });
const ALL = { log: false, outliers: true };

describe('smoothing', () => {
  it('keeps a constant, and does not begin at zero', () => {
    for (const value of smoothed([5, 5, 5], 0.9)) expect(value).toBeCloseTo(5);
    expect(smoothed([1, 9], 0)).toEqual([1, 9]);
  });

  it('passes over NaN', () => {
    const calm = smoothed([2, Number.NaN, 2], 0.5);
    expect(calm[1]).toBeNaN();
    expect(calm[2]).toBeCloseTo(2);
  });
});

describe('ranges', () => {
  const lines = [line('a', [0, 1, 2], [1, Number.NaN, 3]), line('b', [5, 6], [2, 100], { min: [0, 90], max: [4, 110] })];

  it('reach over all lines', () => {
    expect(xRange(lines)).toEqual([0, 6]);
    expect(xRange([line('a', [3], [1])])).toEqual([2, 4]);
    expect(xRange([])).toEqual([0, 1]);
  });

  it('hold values, extremes and a little air between two positions', () => {
    const [low, high] = yRange(lines, [0, 6], ALL);
    expect(low).toBeLessThan(0);
    expect(high).toBeGreaterThan(110);
    const [, near] = yRange(lines, [0, 2], ALL);
    expect(near).toBeLessThan(4);
  });

  it('leave outliers outside when told', () => {
    const noisy = line('n', Array.from({ length: 101 }, (_, x) => x), Array.from({ length: 101 }, (_, x) => (x === 50 ? 1e6 : x)));
    expect(yRange([noisy], [0, 100], { log: false, outliers: false })[1]).toBeLessThan(200);
  });

  it('have only what a logarithm has', () => {
    expect(yRange([line('a', [0, 1], [-1, 10])], [0, 1], { log: true, outliers: true })).toEqual([5, 20]);
  });
});

describe('the pointer', () => {
  it('finds the nearest position', () => {
    expect(nearest([0, 10, 20], 14)).toBe(1);
    expect(nearest([0, 10, 20], 16)).toBe(2);
    expect(nearest([0, 10, 20], -5)).toBe(0);
    expect(nearest([], 3)).toBe(-1);
  });

  it('finds what each line has there, the highest first, and no line that has ended', () => {
    const found = hits([line('low', [0, 50, 100], [1, 1, 1]), line('high', [0, 50, 100], [9, 9, 9]), line('ended', [0, 10], [5, 5])], 51, 5);
    expect(found.map((hit) => [hit.line.id, hit.index])).toEqual([['high', 1], ['low', 1]]);
  });
});

describe('a scale', () => {
  const column = (cells: Column['cells'], sort: Column['sort']): Column => ({ id: 'params.p', kind: 'params', key: 'p', sort, cells, maxStep: 0 });

  it('names round numbers', () => {
    expect(roundNumbers(0.13, 0.58)).toEqual([0.2, 0.3, 0.4, 0.5]);
    expect(roundNumbers(3, 3)).toEqual([3]);
  });

  it('places texts in equal steps and numbers by size', () => {
    const texts = scaleOf(column(['b', 'a', null, 'c'], 'text'), [0, 1, 2, 3], String);
    expect([0, 1, 2, 3].map(texts.place)).toEqual([0.5, 0, null, 1]);
    const numbers = scaleOf(column(['0', '5', '10'], 'number'), [0, 1, 2], String);
    expect([0, 1, 2].map(numbers.place)).toEqual([0, 0.5, 1]);
    expect(numbers.ticks.map((tick) => tick.label)).toEqual(['0', '5', '10']);
  });

  it('places what differs by factors by its logarithm', () => {
    const rates = scaleOf(column(['0.0001', '0.01', '1'], 'number'), [0, 1, 2], String);
    expect(rates.place(1)).toBeCloseTo(0.5);
  });
});
