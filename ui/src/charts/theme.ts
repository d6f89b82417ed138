import { useSyncExternalStore } from 'react';

/** The design tokens that the canvas needs, since it cannot read CSS by itself. */
export interface Theme {
  ink: string;
  muted: string;
  line: string;
  surface: string;
  accent: string;
  former: string;
  good: string;
  warn: string;
  bad: string;
  /** Colours that tell runs apart. */
  runs: string[];
  font: string;
}

/** How many runs have a colour of their own; then they begin anew, with dashes. */
export const RUN_COLOURS = 10;

const dark = typeof matchMedia === 'function' ? matchMedia('(prefers-color-scheme: dark)') : null;
let theme: Theme | null = null;

/** The tokens, read again when the reader's colour scheme changes. */
export function useTheme(): Theme {
  return useSyncExternalStore(subscribe, current);
}

function subscribe(listener: () => void): () => void {
  const changed = () => {
    theme = null;
    listener();
  };
  dark?.addEventListener('change', changed);
  return () => dark?.removeEventListener('change', changed);
}

function current(): Theme {
  theme ??= read();
  return theme;
}

function read(): Theme {
  const style = getComputedStyle(document.documentElement);
  const token = (name: string) => style.getPropertyValue(`--${name}`).trim();
  return {
    ink: token('ink'),
    muted: token('ink-2'),
    line: token('line'),
    surface: token('surface'),
    accent: token('accent'),
    former: token('ink-3'),
    good: token('good'),
    warn: token('warn'),
    bad: token('bad'),
    runs: Array.from({ length: RUN_COLOURS }, (_, index) => token(`run-${index}`)),
    font: `11px ${token('font')}`,
  };
}
