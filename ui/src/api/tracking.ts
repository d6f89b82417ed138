/** What the native API answers of experiments and their runs: columns, so that many runs stay small. */

import type { Millis } from './types';

export interface ExperimentSummary {
  experiment_id: string;
  /** `default` for what names no other. */
  workspace: string;
  name: string;
  lifecycle_stage: 'active' | 'deleted';
  created: Millis;
  updated: Millis;
  tags: Pair[];
  runs: number;
  running: number;
  last_start: Millis | null;
}

export interface Pair {
  key: string;
  value: string;
}

/** Texts of which many are equal: the different ones, and which one each run has. */
export interface Coded {
  values: string[];
  codes: number[];
}

export interface TextColumn extends Coded {
  key: string;
  /** The places of the runs that have it; all of them when it is not there. */
  rows?: number[];
}

export interface NumberColumn {
  key: string;
  rows?: number[];
  /** null is NaN. */
  values: (number | null)[];
  /** 0 where a metric has no course to draw. */
  max_step: number;
}

export interface History {
  /** The place of the run. */
  run: number;
  key: string;
  points: number;
  nan_points: number;
  /** Whether every point is shown. */
  exact: boolean;
  x: number[];
  /** null is NaN. */
  last: (number | null)[];
  min?: (number | null)[];
  max?: (number | null)[];
}

export type RunStatus = 'RUNNING' | 'SCHEDULED' | 'FINISHED' | 'FAILED' | 'KILLED';

export interface Comparison {
  runs: {
    run_id: string[];
    run_name: string[];
    experiment_id: Coded;
    status: Coded;
    user_id: Coded;
    created_by: Coded;
    lifecycle_stage: Coded;
    start_time: Millis[];
    end_time: (Millis | null)[];
  };
  params: TextColumn[];
  metrics: NumberColumn[];
  tags: TextColumn[];
  histories: History[];
  /** Where the next page begins, when there is one. */
  next: number | null;
}

export type Wish = boolean | string[];

/** What `POST /api/v1/tracking/compare` is asked. */
export interface CompareRequest {
  run_ids?: string[];
  experiment_ids?: string[];
  view?: 'active' | 'deleted' | 'all';
  filter?: string;
  order_by?: string[];
  limit?: number;
  offset?: number;
  columns?: { params?: Wish; metrics?: Wish; tags?: Wish };
  text_limit?: number;
  history?: { metrics: string[]; axis: 'step' | 'time'; buckets: number };
}

/** No columns at all: only what runs are, or their histories. */
export const NO_COLUMNS = { params: false, metrics: false, tags: false };

export const COMPARE = '/api/v1/tracking/compare';
/** Runs that one comparison by id takes. */
export const MAX_COMPARED = 500;
/** Runs that one page holds. */
export const MAX_PAGE = 10_000;
