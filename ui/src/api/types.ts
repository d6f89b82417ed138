/** What the native API answers. Times are milliseconds since the epoch, UTC. */

export type Millis = number;
export type Values = Record<string, number | null>;

export type StageState = 'idle' | 'active' | 'ok' | 'warn' | 'fail';
export type StageId = 'data' | 'gate' | 'train' | 'test' | 'registry' | 'rollout' | 'monitor';

export interface Stage {
  id: StageId;
  title: string;
  state: StageState;
  headline: string;
  detail: string;
  time: Millis | null;
}

export type Assessment = 'successful' | 'inconclusive' | 'error' | 'failed';

export interface Measurement {
  time: Millis;
  value: number | null;
  assessment: Assessment;
  message: string;
}

export interface AnalysisMetric {
  name: string;
  next: Millis | null;
  measurements: Measurement[];
  assessment: Assessment | null;
  /** What must hold, as the manifest says it. */
  limit?: string;
  /** Measured without a say. */
  dry_run?: boolean;
}

export interface AnalysisRun {
  started: Millis;
  metrics: AnalysisMetric[];
}

export interface HistoryEntry {
  time: Millis;
  step: number;
  what: string;
}

export type Phase = 'Progressing' | 'Paused' | 'Degraded' | 'Healthy';

export interface RolloutState {
  phase: Phase;
  message: string;
  step: number;
  weight: number;
  analysis: AnalysisRun | null;
  /** The analysis beside the steps. */
  background?: AnalysisRun | null;
  /** Paused by a person. */
  paused?: boolean;
  completion?: string | null;
  aborted: Millis | null;
  history: HistoryEntry[];
}

export interface RolloutStep {
  label: string;
  state: 'done' | 'active' | 'pending';
}

export interface Rollout {
  id: string;
  model: string;
  version: number;
  previous: number | null;
  requested_by: string;
  reason: string;
  created: Millis;
  ended: Millis | null;
  steps: RolloutStep[];
  state: RolloutState;
  /** Whether it ended with its version in charge. */
  in_charge?: boolean;
  /** Whether it put in charge what still is, so that an undo goes back to the release before. */
  can_undo?: boolean;
  /** Whether it was aborted and nothing newer came. */
  can_retry?: boolean;
  strategy?: 'canary' | 'blueGreen' | null;
  warnings?: { line: number; message: string }[];
  header_routes?: string[];
  mirrors?: { name: string; percentage: number }[];
}

/** How two versions answered the same requests; null is what cannot be computed. */
export interface Comparison {
  requests: number;
  agreement: number | null;
  distance: number | null;
  error_rate: number | null;
  live_latency_ms: number | null;
  latency_ms: number | null;
  latency_ratio: number | null;
}

export interface Shadow {
  comparison: Comparison;
  by: { column: string; segments: { value: string; comparison: Comparison }[] } | null;
  recent: { request_id: string; features: Record<string, unknown> }[];
  /** Copies of all rollouts since the server started. */
  queue: { sent: number; dropped: number };
}

export interface Champion {
  version: number;
  since: Millis;
  run_id: string | null;
  reason: string | null;
  metrics: Values;
}

export interface Candidate {
  version: number;
  metrics: Values;
}

export interface Traffic {
  weight: number;
  requests_per_second: number;
  requests: number;
  errors: number;
  window_seconds: number;
}

export interface Limits {
  min_auc?: number | null;
  max_calibration_gap?: number | null;
  max_psi?: number | null;
}

export interface MonitorWindow {
  id: number;
  version: number;
  time: Millis;
  event_start: Millis | null;
  event_end: Millis | null;
  rows: number;
  values: Values;
  breaches: string[];
}

export interface Mark {
  time: Millis;
  event_time: Millis | null;
  kind: 'retraining' | 'champion' | 'rollback';
  label: string;
}

export interface Alert {
  id: number;
  time: Millis;
  breaches: string[];
  run_id: string | null;
}

export interface LoopModel {
  name: string;
  champion: Champion | null;
  candidate: Candidate | null;
  rollout: Rollout | null;
  last_rollout: Rollout | null;
  traffic: Traffic;
  limits: Limits | null;
  windows: MonitorWindow[];
  marks: Mark[];
  alert: Alert | null;
  counts: { predictions: number; labelled: number };
}

export type RunState = 'queued' | 'running' | 'success' | 'failed';
export type TaskState =
  | 'none'
  | 'queued'
  | 'running'
  | 'success'
  | 'failed'
  | 'skipped'
  | 'upstream_failed'
  | 'up_for_retry';

export interface Task {
  task_id: string;
  operator: string;
  upstream: string[];
  state: TaskState;
  try_number: number;
  started: Millis | null;
  ended: Millis | null;
  reason: string | null;
}

export interface Run {
  run_id: string;
  dag_id: string;
  state: RunState;
  run_type: string;
  reason: string;
  created: Millis;
  started: Millis | null;
  ended: Millis | null;
  tasks: Task[];
}

export interface Attempt {
  task_id: string;
  try_number: number;
  state: string;
  started: Millis;
  ended: Millis | null;
  commit: string | null;
  result: { exit_code?: number | null; cpu_seconds?: number | null; max_rss?: number | null } | null;
}

export interface RunDetail extends Run {
  attempts: Attempt[];
}

export type Verdict = 'pass' | 'warn' | 'fail';

export interface SampleRow {
  file: string;
  line: number;
  values: Record<string, unknown>;
}

export interface GateCheck {
  name: string;
  rule: string;
  column: string | null;
  severity: string;
  verdict: Verdict;
  measured: number | null;
  expected: string;
  failing_rows: number;
  sample: SampleRow[];
  message: string;
}

/** A gate's judgement. The report of the model battery has its own form, so every part may be absent. */
export interface Gate {
  id?: string;
  gate: string;
  subject: string;
  verdict: Verdict;
  time: Millis;
  summary: string;
  report: {
    contract?: { name: string; version: string; file?: string };
    files?: { path: string; rows: number }[];
    checks?: GateCheck[];
  };
}

export type Level = 'info' | 'good' | 'warn' | 'bad';

export interface LoopEvent {
  seq: number;
  time: Millis;
  actor: string;
  action: string;
  subject: string;
  reason: string | null;
  level: Level;
  text: string;
}

export interface Loop {
  project: { name: string };
  version: string;
  time: Millis;
  stages: Stage[];
  models: LoopModel[];
  runs: Run[];
  gate: Gate | null;
  events: LoopEvent[];
}

export interface ModelVersion {
  version: number;
  stage: string;
  aliases: string[];
  run_id: string | null;
  created: Millis;
  created_by: string;
  metrics: Values;
}

export interface RegisteredModel {
  name: string;
  serving: number | null;
  on_trial: number | null;
  weight: number;
  ready: boolean;
  versions: ModelVersion[];
}

export interface DataVersion {
  id: number;
  path: string;
  md5: string;
  size: number;
  commit: string | null;
  time: Millis;
  actor: string;
}

export interface Arrival {
  id: number;
  path: string;
  size: number;
  time: Millis;
  claimed_by: string | null;
}

export interface Lineage {
  id: string;
  prediction: {
    time: Millis;
    arm: string;
    canary_weight: number;
    score: number | null;
    error: string | null;
    label: number | null;
  } | null;
  model: {
    name: string;
    version: number;
    stage: string;
    aliases: string[];
    registered_by: string;
    registered: Millis;
    promoted: { actor: string; time: Millis; reason: string | null; audit_seq: number } | null;
  };
  rollout: {
    id: string;
    requested_by: string;
    reason: string;
    phase: Phase;
    message: string;
    history: HistoryEntry[];
  } | null;
  run: {
    run_id: string;
    name: string;
    created_by: string;
    metrics: Values;
    params: Record<string, unknown>;
  } | null;
  gates: { gate: string; subject: string; verdict: Verdict; summary: string; time: Millis }[];
  pipeline: {
    dag_id: string;
    run_id: string;
    run_type: string;
    reason: string;
    commit: string | null;
    attempts: { task: string; try_number: number; state: string; started: Millis; ended: Millis | null }[];
  } | null;
  data: { path: string; md5: string; size: number; commit: string | null }[];
  gaps: string[];
}
