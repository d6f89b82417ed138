import type { Values } from '../api/types';

/** The metrics by which versions are compared, with the names that training code gives them. */
export const METRICS = [
  { label: 'AUC', title: 'Area under the ROC curve: higher is better', names: ['auc', 'roc_auc'], better: 'higher' },
  { label: 'Brier', title: 'Mean squared error of the scores: lower is better', names: ['brier', 'brier_score'], better: 'lower' },
  { label: 'ECE', title: 'Expected calibration error: lower is better', names: ['ece', 'calibration_error'], better: 'lower' },
] as const;

export type Metric = (typeof METRICS)[number];

export function valueOf(metric: Metric, values: Values): number | null {
  for (const name of metric.names) {
    const value = values[name];
    if (typeof value === 'number') return value;
  }
  return null;
}

export type Change = { by: number; verdict: 'better' | 'worse' | 'same' };

/** How a candidate's metric differs from the champion's, as shown with three digits. */
export function change(metric: Metric, candidate: Values, champion: Values): Change | null {
  const ours = valueOf(metric, candidate);
  const theirs = valueOf(metric, champion);
  if (ours === null || theirs === null) return null;
  const by = ours - theirs;
  if (Math.abs(by) < 0.0005) return { by, verdict: 'same' };
  const better = metric.better === 'higher' ? by > 0 : by < 0;
  return { by, verdict: better ? 'better' : 'worse' };
}
