import { expect, it } from 'vitest';
import { match } from '../../src/app/router';

it('fits a path to a pattern', () => {
  expect(match('/runs', '/runs')).toEqual({});
  expect(match('/runs', '/runs/')).toEqual({});
  expect(match('/models/:model/:version', '/models/flights/2')).toEqual({ model: 'flights', version: '2' });
});

it('reads escaped names', () => {
  expect(match('/runs/:run', '/runs/alert__2026-02-01T10%3A06%3A12%2B00%3A00')).toEqual({ run: 'alert__2026-02-01T10:06:12+00:00' });
  expect(match('/runs/:run', '/runs/50%')).toEqual({ run: '50%' });
});

it('refuses what does not fit', () => {
  expect(match('/runs', '/models')).toBeNull();
  expect(match('/runs/:run', '/runs')).toBeNull();
  expect(match('/runs', '/runs/1')).toBeNull();
});
