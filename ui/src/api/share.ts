/**
 * Answers `next`, but with every part that equals its counterpart in `previous` replaced by that
 * counterpart. A poll that brings nothing new then keeps the identity of what it shows, and what is
 * memoised on it is not drawn again.
 */
export function share<T>(previous: unknown, next: T): T {
  if (Object.is(previous, next)) return next;
  if (Array.isArray(previous) && Array.isArray(next)) return shareArray(previous, next) as T;
  if (isRecord(previous) && isRecord(next)) return shareRecord(previous, next) as T;
  return next;
}

function shareArray(previous: unknown[], next: unknown[]): unknown[] {
  const shared = next.map((value, index) => share(previous[index], value));
  const same = shared.length === previous.length && shared.every((value, index) => Object.is(value, previous[index]));
  return same ? previous : shared;
}

function shareRecord(previous: Record<string, unknown>, next: Record<string, unknown>): Record<string, unknown> {
  const keys = Object.keys(next);
  const shared = Object.fromEntries(keys.map((key) => [key, share(previous[key], next[key])]));
  const same =
    keys.length === Object.keys(previous).length && keys.every((key) => Object.is(shared[key], previous[key]));
  return same ? previous : shared;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
