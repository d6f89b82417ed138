import { expect, it } from 'vitest';
import { fromMlflow, match } from '../../src/app/router';

it('fits a path to a pattern', () => {
  expect(match('/pipelines', '/pipelines')).toEqual({});
  expect(match('/pipelines', '/pipelines/')).toEqual({});
  expect(match('/models/:model/:version', '/models/flights/2')).toEqual({ model: 'flights', version: '2' });
});

it('reads escaped names', () => {
  expect(match('/pipelines/:run', '/pipelines/alert__2026-02-01T10%3A06%3A12%2B00%3A00')).toEqual({ run: 'alert__2026-02-01T10:06:12+00:00' });
  expect(match('/pipelines/:run', '/pipelines/50%')).toEqual({ run: '50%' });
});

it('refuses what does not fit', () => {
  expect(match('/pipelines', '/models')).toBeNull();
  expect(match('/pipelines/:run', '/pipelines')).toBeNull();
  expect(match('/pipelines', '/pipelines/1')).toBeNull();
});

it('leads addresses of MLflow to its own pages', () => {
  expect(fromMlflow('#/experiments/7')).toBe('/experiments/7');
  expect(fromMlflow('#/experiments/7/runs/ab?tab=x')).toBe('/experiments/7/runs/ab');
  expect(fromMlflow('#/models/flight%20delay/versions/2')).toBe('/models/flight%20delay/2');
  expect(fromMlflow('#/models/flights')).toBe('/models/flights');
  expect(fromMlflow('#main')).toBeNull();
  expect(fromMlflow('')).toBeNull();
});
