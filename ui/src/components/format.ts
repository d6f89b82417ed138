/** Numbers and times as people read them. */

const WHOLE = new Intl.NumberFormat('en');
const DAY = new Intl.DateTimeFormat('en', { day: 'numeric', month: 'short', year: 'numeric', timeZone: 'UTC' });
const MOMENT = new Intl.DateTimeFormat('en', { dateStyle: 'medium', timeStyle: 'medium' });

export function whole(value: number): string {
  return WHOLE.format(Math.round(value));
}

export function fixed(value: number | null | undefined, digits = 3): string {
  return value === null || value === undefined || !Number.isFinite(value) ? '–' : value.toFixed(digits);
}

/** A measured value: as many digits as tell something. */
export function compact(value: number | null): string {
  if (value === null || !Number.isFinite(value)) return '–';
  if (Number.isInteger(value)) return whole(value);
  const size = Math.abs(value);
  if (size >= 1000) return whole(value);
  return size >= 100 ? value.toFixed(1) : size >= 1 ? value.toFixed(2) : value.toFixed(4);
}

/** The largest number stands for infinity: metrics hold no infinities. */
const INFINITE = 1.797e308;

/** A measured value with four telling digits, so that those of a column can be compared by eye. */
export function measured(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  const size = Math.abs(value);
  if (size > INFINITE) return value > 0 ? '∞' : '−∞';
  if (Number.isInteger(value) && size < 1e7) return value.toLocaleString('en');
  if (size >= 1e7 || size < 1e-3) return value.toExponential(2);
  if (size >= 1000) return value.toLocaleString('en', { maximumFractionDigits: 0 });
  return size < 1 ? value.toFixed(4) : value.toPrecision(4);
}

/** A number on an axis: no more digits than it has. */
export function tick(value: number): string {
  const size = Math.abs(value);
  if (value !== 0 && (size >= 1e6 || size < 1e-4)) return value.toExponential().replace('e+', 'e');
  return Number(value.toPrecision(6)).toLocaleString('en', { maximumFractionDigits: 8 });
}

export function percent(share: number, digits = 0): string {
  return `${(share * 100).toFixed(digits)} %`;
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${whole(count)} ${count === 1 ? one : many}`;
}

export function bytes(size: number): string {
  if (size < 1000) return `${size} B`;
  const units = ['kB', 'MB', 'GB', 'TB'];
  let value = size / 1000;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${value.toFixed(value < 10 ? 1 : 0)} ${units[unit]}`;
}

export function duration(ms: number): string {
  const seconds = Math.max(0, ms) / 1000;
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 60) return `${Math.round(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${Math.floor(seconds % 60)} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

export function ago(time: number, now: number): string {
  const seconds = Math.max(0, Math.round((now - time) / 1000));
  if (seconds < 2) return 'just now';
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ago`;
  const days = Math.floor(seconds / 86_400);
  return days < 60 ? plural(days, 'day') + ' ago' : day(time);
}

/** A day of the data's own time, which is UTC. */
export function day(time: number): string {
  return DAY.format(time);
}

/** A moment of the wall clock, in the reader's own time zone. */
export function moment(time: number): string {
  return MOMENT.format(time);
}

/** `automation:alert.raised` as `automation · alert.raised`. */
export function actor(name: string): string {
  return name.replace(':', ' · ');
}

export function shortHash(hash: string): string {
  return hash.slice(0, 8);
}
