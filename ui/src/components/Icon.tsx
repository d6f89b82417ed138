import type { ReactNode } from 'react';

const PATHS = {
  data: (
    <>
      <ellipse cx="12" cy="5.5" rx="7.5" ry="3" />
      <path d="M4.5 5.500v13c0 1.7 3.4 3 7.5 3s7.5-1.3 7.5-3v-13M4.5 12c0 1.7 3.4 3 7.5 3s7.5-1.3 7.5-3" />
    </>
  ),
  gate: (
    <>
      <path d="M12 2.5 4 5.500v6c0 5 3.4 8.3 8 10 4.6-1.7 8-5 8-10v-6z" />
      <path d="m8.5 12 2.5 2.5 4.5-5" />
    </>
  ),
  train: (
    <>
      <path d="M12 12a2.2 2.2 0 0 1 3.3 1.8 4.4 4.4 0 0 1-6.2 3 6.6 6.6 0 0 1-2.8-9 8.8 8.8 0 0 1 12-3.3 9 9 0 0 1 3 3" />
    </>
  ),
  test: (
    <>
      <path d="M9.5 2.500h5M10.5 2.500v6L4.7 18.600A2 2 0 0 0 6.4 21.500h11.200a2 2 0 0 0 1.7-2.900L13.5 8.500v-6" />
      <path d="M7.5 15h9" />
    </>
  ),
  registry: (
    <>
      <path d="m12 2.5 8.5 4.700v9.600L12 21.500l-8.5-4.700V7.200z" />
      <path d="M3.7 7.3 12 12l8.3-4.700M12 12v9.3" />
    </>
  ),
  rollout: (
    <>
      <path d="M4 20V9M4 9l-2 2.500M4 9l2 2.5" transform="translate(0 -1)" />
      <path d="M12 19V5.500M12 5.5 9.5 8.500M12 5.500l2.5 3M20 19V2.500M20 2.5 17.5 5.500M20 2.500l2.5 3" />
    </>
  ),
  monitor: <path d="M2 13h4.500l2.5-8 5 15 3-7h5" />,
  ok: <path d="m5 12.5 4.5 4.500L19 7" />,
  warn: <path d="M12 5v9M12 18.500v.500" />,
  fail: <path d="m6 6 12 12M18 6 6 18" />,
  dot: <circle cx="12" cy="12" r="3" />,
  clock: (
    <>
      <circle cx="12" cy="12" r="8.5" />
      <path d="M12 7v5l3.5 2" />
    </>
  ),
  skip: <path d="m6 6 6 6-6 6M13 6l6 6-6 6" />,
  retry: <path d="M20 12a8 8 0 1 1-2.5-5.800M20 3v5h-5" />,
  blocked: <path d="M6 12h12" />,
  info: <path d="M12 11v6.500M12 6.500V7" />,
  chevron: <path d="m9 5 7 7-7 7" />,
} satisfies Record<string, ReactNode>;

export type IconName = keyof typeof PATHS;

/** A line drawing. It only repeats what the text beside it says, so readers are spared it. */
export function Icon({ name, size = 16 }: { name: IconName; size?: number }) {
  return (
    <svg className="icon" width={size} height={size} viewBox="0 0 24 24" aria-hidden="true">
      {PATHS[name]}
    </svg>
  );
}

/** The spring that drives the works. */
export function Logo() {
  return (
    <svg className="logo" width="28" height="28" viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="9" />
      <path d="M16 16a2 2 0 0 1 3 1.6 4 4 0 0 1-5.6 2.8 6 6 0 0 1-2.6-8.2 8 8 0 0 1 11-3A10 10 0 0 1 25.6 22" />
    </svg>
  );
}
