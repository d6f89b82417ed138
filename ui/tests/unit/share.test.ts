import { expect, it } from 'vitest';
import { share } from '../../src/api/share';

it('keeps the identity of everything that is equal', () => {
  const before = { time: 1, models: [{ name: 'flights', windows: [1, 2] }], gate: null };
  const after = share(before, { time: 2, models: [{ name: 'flights', windows: [1, 2] }], gate: null });
  expect(after).toEqual({ time: 2, models: [{ name: 'flights', windows: [1, 2] }], gate: null });
  expect(after.models).toBe(before.models);
});

it('replaces only what changed', () => {
  const before = { a: { x: 1 }, b: { y: [1, 2] } };
  const after = share(before, { a: { x: 1 }, b: { y: [1, 3] } });
  expect(after.a).toBe(before.a);
  expect(after.b).toEqual({ y: [1, 3] });
});

it('sees keys and elements come and go', () => {
  expect(share({ a: 1, b: 2 }, { a: 1 } as object)).toEqual({ a: 1 });
  expect(share([1, 2], [1])).toEqual([1]);
  expect(share([1], [1, 2])).toEqual([1, 2]);
  expect(share(null, { a: 1 })).toEqual({ a: 1 });
  expect(share([], {})).toEqual({});
});
