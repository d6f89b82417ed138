import { expect, it } from 'vitest';
import { change, METRICS, valueOf } from '../../src/components/metrics';

const [auc, brier, ece] = METRICS;

it('knows the names that training code uses', () => {
  expect(valueOf(ece, { calibration_error: 0.03 })).toBe(0.03);
  expect(valueOf(ece, { ece: 0.02 })).toBe(0.02);
  expect(valueOf(auc, { accuracy: 1 })).toBeNull();
  expect(valueOf(auc, { auc: null })).toBeNull();
});

it('knows which way is better', () => {
  expect(change(auc, { auc: 0.76 }, { auc: 0.74 })?.verdict).toBe('better');
  expect(change(brier, { brier: 0.16 }, { brier: 0.14 })?.verdict).toBe('worse');
  expect(change(ece, { ece: 0.02 }, { calibration_error: 0.04 })?.verdict).toBe('better');
});

it('calls a difference that is not shown none', () => {
  expect(change(auc, { auc: 0.7401 }, { auc: 0.7399 })?.verdict).toBe('same');
  expect(change(auc, {}, { auc: 0.74 })).toBeNull();
});
