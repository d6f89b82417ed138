import type { Millis } from './types';

/** What the API of A/B tests answers. Numbers of decisions are text, which keeps their last bit. */
export type Exact = string | number;

export type TestStatus = 'draft' | 'running' | 'ended';

export interface Test {
  id: string;
  name: string;
  model: string | null;
  status: TestStatus;
  phase: number;
  created_by: string;
  created: Millis;
  started: Millis | null;
  ended: Millis | null;
  outcome: string | null;
  /** The rollout of the winner. */
  rollout: string | null;
}

/** How arms get their requests: each unit one of them, all the same, or both in one merged list. */
export type Mode = 'split' | 'shadow' | 'interleaved';

export interface TestArm {
  name: string;
  version: number | null;
  /** Its share of the units that take part. */
  weight: number;
}

export interface TestDetail extends Test {
  phases: { number: number; started: Millis; reason: string }[];
  /** The file of the test. */
  spec: string | null;
  hypothesis: string | null;
  mode: Mode | null;
  /** The attribute by which estimates are adjusted. */
  strata: string | null;
  arms: TestArm[];
  /** The newest. */
  decision: Decision | null;
  /** How far the goals have come by that decision. */
  progress: Reached[];
  /** Why the newest look failed, when it did: a database had no answer, say. */
  look_failed: { message: string; hint: string | null; time: Millis } | null;
}

/** How far one goal has come; gains are positive when better. */
export interface Reached {
  metric: string;
  arm: number;
  /** The smallest effect that matters, by the file. */
  smallest: number | null;
  estimate: number;
  standard_error: number;
  /** The smallest gain that a look now shows with a probability of 80 %. */
  detectable: number | null;
  /** The probability that a look now shows the smallest effect that matters. */
  power: number | null;
  /** The Bayesian view with a flat prior. */
  chance_to_win: number;
  /** Expected loss of keeping the control, and of taking the candidate. */
  risk: [number, number];
}

/** A comparison by group of units: by an attribute, or by when they came. */
export interface Grouped {
  metric: string;
  role: 'goal' | 'guardrail';
  arm: number;
  /** That all groups have one effect. */
  p: number | null;
  trend: { slope_per_day: number; standard_error: number; p: number; novelty: boolean } | null;
  groups: Group[];
}

export interface Group {
  name: string;
  first: Millis;
  last: Millis;
  units: number[];
  estimate: number | null;
  standard_error: number | null;
  undecided: Undecided | null;
  /** That its effect is that of the others, adjusted for their number. */
  differs: number | null;
}

export interface Segments {
  attributes: string[];
  by: string | null;
  comparisons: Grouped[];
}

export type Waiting = 'time' | 'units' | 'outcomes' | 'undecided' | 'look' | 'guardrail' | 'evidence' | 'earning';
export type Because = 'sample_ratio_mismatch' | 'outcome_ratio_mismatch' | 'harm' | 'maximum_reached';

export type Outcome =
  | { outcome: 'continue'; waiting: Waiting }
  | { outcome: 'winner'; arm: number }
  | { outcome: 'keep_champion'; because: Because }
  | { outcome: 'stop'; because: Because };

/** What keeps a comparison from being computed: a word, or a word with the parameter that is wrong. */
export type Undecided = string | { parameter: string };
export type Verdict = 'better' | 'worse' | 'open' | { undecided: Undecided };

/** One metric of one candidate against the control. Positive is better, whatever the direction. */
export interface Comparison {
  metric: string;
  role: 'goal' | 'guardrail';
  /** The candidate, from 1. */
  arm: number;
  /** None for pairs that are right or wrong: the interval is of the share that the candidate wins. */
  effect: { estimate: Exact; standard_error: Exact; df: Exact; n: number } | null;
  low: Exact | null;
  high: Exact | null;
  p: Exact | null;
  /** The gain that a guardrail must exceed; 0 for goals. */
  limit: Exact;
  verdict: Verdict;
}

interface Compared {
  metric: string;
  direction: 'higher' | 'lower';
  scale: 'difference' | 'log_ratio';
}

export interface Plan {
  goals: Compared[];
  guardrails: (Compared & { margin: Exact; alpha: Exact })[];
  alpha: Exact;
  planned_units: number;
  maximum_units: number;
  minimum_units: number;
  minimum_seconds: number;
  /** Share of outcomes that must be known. */
  maturity: Exact;
  srm_threshold: Exact;
  same_arms: boolean;
}

export interface Sample {
  n: number;
  mean: Exact;
}

/** Units that have something in common, with their estimates by arm. */
export interface Stratum {
  name: string;
  arms: Sample[];
}

/** Units and outcomes that should be known by now, and those of them that are. */
interface Known {
  units_due: number;
  units: number;
  outcomes_due: number;
  outcomes: number;
}

interface Arm {
  sample: Sample;
  known: Known;
}

export type Evidence = { split: Arm[] } | { paired: Arm[] } | { signs: { test: { only_champion: number; only_candidate: number }; known: Known }[] };

export type Warning = 'seen_in_several' | { too_good: string } | { same_arms_differ: string };

export interface Decision {
  number: number;
  phase: number;
  time: Millis;
  decision: {
    outcome: Outcome;
    comparisons: Comparison[];
    srm_log_e: Exact;
    warnings: Warning[];
    plan: Plan;
    snapshot: { seconds: number; units: number[]; seen_in_several: number; /** Units known at each look that the plan counts. */ looks?: number[]; metrics: Record<string, Evidence>; strata?: Record<string, Stratum[]>; /** Caps that were found among the values, by metric. */ caps?: Record<string, Exact> };
  };
}

/** What one decision says, for charts. */
export interface Look {
  number: number;
  time: Millis;
  seconds: number;
  units: number[];
  outcome: Outcome;
  srm_log_e: number | null;
  comparisons: Comparison[];
}

export type Kind = 'mean' | 'proportion' | 'paired';

/** What the planner is asked. */
export interface Question {
  kind: Kind;
  effect: number;
  deviation?: number;
  baseline?: number;
  discordance?: number;
  arms: number;
  alpha: number;
  power: number;
  units_per_day: number | null;
}

export interface Answer {
  control: number;
  candidate: number;
  total: number;
  alpha: number;
  power: number;
  days: number | null;
  weeks: number | null;
}

export const PLANNER = '/api/v1/ab/plan';

export function testPath(name: string): string {
  return `/api/v1/ab/tests/${encodeURIComponent(name)}`;
}

/** A number that was written as text; NaN for what is none. */
export function exact(value: Exact | null): number {
  if (value === null) return Number.NaN;
  return typeof value === 'number' ? value : value === 'inf' ? Infinity : value === '-inf' ? -Infinity : Number(value);
}
