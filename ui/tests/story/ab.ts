import type { Answer, Because, Comparison, Decision, Grouped, Look, Outcome, Plan, Question, Reached, Test, TestDetail } from '../../src/api/ab';

/** A/B tests of the story: one at work, one that was won, one with a broken split, one on the same requests, one not started. */

const PLAN: Plan = {
  goals: [{ metric: 'booked', direction: 'higher', scale: 'difference' }],
  guardrails: [{ metric: 'latency', direction: 'lower', scale: 'log_ratio', margin: '0.05', alpha: '0.05' }],
  alpha: '0.05', planned_units: 20_000, maximum_units: 40_000, minimum_units: 100, minimum_seconds: 7 * 86_400, maturity: '0.95', srm_threshold: '100', same_arms: false,
};

const FILE = `name: NAME
model: flights
arms:
  - {name: control, version: 1}
  - {name: candidate, version: 2}
metrics:
  booked: {event: booked}
  latency: {from: latency_ms}
goals:
  - {metric: booked, better: higher, effect: 0.02}
guardrails:
  - {metric: latency, better: lower, scale: log_ratio, margin: 0.05}
plan:
  planned_units: 20000
`;

interface Tale {
  name: string;
  status: Test['status'];
  looks: number;
  /** Units of the candidate for each of the control. */
  ratio: number;
  effect: number;
  logE: number;
  ends?: { outcome: Outcome; said: string };
  /** How arms get their requests, when not one each. */
  mode?: 'shadow' | 'interleaved';
  phase?: number;
}

const stop: Because = 'sample_ratio_mismatch';
const TALES: Tale[] = [
  { name: 'cheaper-first', status: 'running', looks: 40, ratio: 0.99, effect: 0.011, logE: -0.4, phase: 2 },
  { name: 'weather-features', status: 'ended', looks: 52, ratio: 1.01, effect: 0.024, logE: -1.2, ends: { outcome: { outcome: 'winner', arm: 1 }, said: '`candidate` wins' } },
  { name: 'lost-logs', status: 'ended', looks: 30, ratio: 0.9, effect: 0.05, logE: 6.4, ends: { outcome: { outcome: 'stop', because: stop }, said: 'stopped without a result: units are not split as planned (sample ratio mismatch)' } },
  { name: 'same-requests', status: 'running', looks: 25, ratio: 1, effect: 0.08, logE: 0, mode: 'shadow' },
  { name: 'two-rankings', status: 'running', looks: 25, ratio: 1, effect: 0.08, logE: 0, mode: 'interleaved' },
  { name: 'not-yet', status: 'draft', looks: 0, ratio: 1, effect: 0, logE: 0 },
  { name: 'waits', status: 'draft', looks: 0, ratio: 1, effect: 0, logE: 0 },
];

/** What the API of A/B tests answers; undefined for what is not there. */
export function abTests(path: string, now: number, by: string | null = null): unknown {
  const [name, part, number] = path.split('/').slice(5).map(decodeURIComponent);
  if (name === undefined) return { tests: TALES.map((tale) => test(tale, now)) };
  const tale = TALES.find((one) => one.name === name);
  if (!tale) return undefined;
  const numbers = Array.from({ length: tale.looks }, (_, index) => index + 1);
  if (number !== undefined) return { number: Number(number), same: true };
  if (part === 'decisions') return { decisions: numbers.reverse().slice(0, 12).map((one) => decision(tale, one, now)) };
  if (part === 'segments') return { attributes: ['carrier', 'distance'], by, comparisons: by === null ? [] : grouped(tale, by, now) };
  if (part === 'novelty') return { comparisons: grouped(tale, null, now) };
  if (part === 'looks') return { looks: numbers.map((one) => look(tale, one, now)) };
  return detail(tale, now);
}

function test({ name, status, ends, phase = 1 }: Tale, now: number): Test {
  const started = status === 'draft' ? null : now - 9 * 86_400_000;
  return {
    id: `ab-${name}`, name, model: 'flights', status, phase, created_by: 'user:ada', created: now - 10 * 86_400_000, started, ended: status === 'ended' ? now - 3_600_000 : null,
    outcome: ends?.said ?? null, rollout: ends?.outcome.outcome === 'winner' ? 'r-2' : null,
  };
}

function detail(tale: Tale, now: number): TestDetail {
  const { name, mode = 'split', looks, phase = 1 } = tale;
  const phases = Array.from({ length: phase }, (_, index) => ({ number: index + 1, started: now - (9 - index) * 86_400_000, reason: index === 0 ? 'described' : 'the candidate gets as much as the control' }));
  return {
    ...test(tale, now), phases, spec: FILE.replace('NAME', name), hypothesis: 'Cheaper flights first: more people book.', mode, strata: name === 'cheaper-first' ? 'country' : null,
    arms: [{ name: 'control', version: 1, weight: 0.5 }, { name: 'candidate', version: 2, weight: 0.5 }],
    decision: looks > 0 ? decision(tale, looks, now) : null,
    progress: looks > 0 ? [reached(tale)] : [],
    look_failed: name === 'waits' ? { message: 'the A/B test `waits` cannot start: `cheaper-first` splits the requests of `flights`', hint: 'stop that one, or wait for its end', time: now - 1_000 } : name === 'same-requests' ? { message: 'the metric `revenue` of the warehouse `sales`: its query failed: it took longer than 30 s', hint: 'bound the time by `:from` and `:until`', time: now - 60_000 } : null,
  };
}

function reached({ effect }: Tale): Reached {
  return { metric: 'booked', arm: 1, smallest: 0.02, estimate: effect, standard_error: 0.0068, detectable: 0.0268, power: 0.431, chance_to_win: 0.9467, risk: [0.0113, 0.0002] };
}

/** Gains by carrier, by band of distance, or (with none) by arrival: one carrier differs, and the effect stays. */
function grouped(tale: Tale, by: string | null, now: number): Grouped[] {
  const names = by === 'carrier' ? ['UA', 'B6', 'DL', 'others'] : by === null ? ['1', '2', '3', '4', '5', '6'] : ['below 502', '502 to below 872', '872 to below 1389', '1389 and above'];
  const one = (metric: string, role: Grouped['role'], gain: number): Grouped => ({
    metric, role, arm: 1, p: by === 'carrier' ? 0.004 : 0.6, trend: by === null ? { slope_per_day: 0.0002, standard_error: 0.002, p: 0.9, novelty: false } : null,
    groups: names.map((name, index) => ({
      name, first: now - (9 - index) * 86_400_000, last: now - (8 - index) * 86_400_000, units: [2900 - 300 * index, 2880 - 290 * index],
      estimate: name === 'others' ? null : gain + (by === 'carrier' && index === 1 ? 0.06 : 0.004 * wave(index + 1)), standard_error: name === 'others' ? null : 0.011, undecided: name === 'others' ? 'too_few' : null,
      differs: name === 'others' ? null : by === 'carrier' && index === 1 ? 0.003 : 0.7,
    })),
  });
  return tale.mode ? [one('booked', 'goal', tale.effect)] : [one('booked', 'goal', tale.effect), one('latency', 'guardrail', -0.004)];
}

function units({ ratio, mode }: Tale, look: number): [number, number] {
  const control = 220 * look;
  return [control, mode ? control : Math.round(control * ratio)];
}

/** A wave that fades as units come: noise that is the same at each run. */
function wave(look: number): number {
  return Math.sin(look * 1.7) / Math.sqrt(look);
}

function comparisons(tale: Tale, number: number): Comparison[] {
  const n = units(tale, number).reduce((sum, one) => sum + one, 0);
  if (tale.mode) {
    const [half, middle] = [2.4 / Math.sqrt(n / 20), 0.5 + tale.effect];
    return [{ metric: 'booked', role: 'goal', arm: 1, effect: null, low: `${middle - half}`, high: `${middle + half}`, p: '0.2', limit: '0', verdict: half < tale.effect ? 'better' : 'open' }];
  }
  const one = (metric: string, role: Comparison['role'], gain: number, spread: number, limit: number): Comparison => {
    const [estimate, half] = [gain + 0.35 * spread * wave(number) / Math.sqrt(40), (3.1 * spread) / Math.sqrt(n)];
    const verdict = estimate - half > limit ? 'better' : estimate + half < limit ? 'worse' : 'open';
    return {
      metric, role, arm: 1, effect: { estimate: `${estimate}`, standard_error: `${half / 3.1}`, df: `${n - 2}`, n }, low: `${estimate - half}`, high: `${estimate + half}`, p: verdict === 'open' ? '1' : '0.01', limit: `${limit}`, verdict,
    };
  };
  return [one('booked', 'goal', tale.effect, 0.9, 0), one('latency', 'guardrail', -0.004, 0.7, -Math.log1p(0.05))];
}

function outcomeAt(tale: Tale, number: number): Outcome {
  if (number === tale.looks && tale.ends) return tale.ends.outcome;
  return { outcome: 'continue', waiting: number < 20 ? 'time' : 'evidence' };
}

function look(tale: Tale, number: number, now: number): Look {
  return { number, time: now - (tale.looks - number) * 3_600_000, seconds: number * 3600, units: units(tale, number), outcome: outcomeAt(tale, number), srm_log_e: (tale.logE * number) / tale.looks, comparisons: comparisons(tale, number) };
}

function decision(tale: Tale, number: number, now: number): Decision {
  const { time, seconds, outcome, srm_log_e, comparisons } = look(tale, number, now);
  const [control, candidate] = units(tale, number);
  const known = (n: number) => ({ units_due: n, units: n, outcomes_due: n, outcomes: n });
  const arm = (n: number, mean: number) => ({ sample: { n, mean: `${mean}` }, known: known(n) });
  const split = { booked: { split: [arm(control, 0.284), arm(candidate, 0.284 + tale.effect)] }, latency: { split: [arm(control, 38.2), arm(candidate, 38.4)] } };
  const signs = { booked: { signs: [{ test: { only_champion: number * 8, only_candidate: number * 11 }, known: known(number * 400) }] } };
  return {
    number, phase: tale.phase ?? 1, time,
    decision: {
      outcome, comparisons, srm_log_e: `${srm_log_e}`, warnings: tale.name === 'lost-logs' ? [{ too_good: 'booked' }] : [],
      plan: tale.mode ? { ...PLAN, guardrails: [] } : PLAN, snapshot: { seconds, units: [control, candidate], seen_in_several: tale.name === 'cheaper-first' ? 3 : 0, metrics: tale.mode ? signs : split, ...(tale.name === 'cheaper-first' && adjusted(control, candidate)) },
    },
  };
}

/** Strata of a goal, and a cap of a guardrail that was found among the values. */
function adjusted(control: number, candidate: number): Pick<Decision['decision']['snapshot'], 'strata' | 'caps'> {
  const stratum = (name: string, share: number) => ({ name, arms: [control, candidate].map((n) => ({ n: Math.round(share * n), mean: '0.284' })) });
  return { strata: { booked: [stratum('US', 0.7), stratum('MX', 0.2), stratum('unknown', 0.1)] }, caps: { latency: '412.5' } };
}

/** What the planner answers: the size of a normal test at 5 % and 80 %. */
export function planned(asked: Question): Answer {
  const { kind, effect, deviation = 1, baseline = 0.5, discordance = 0.5, arms, alpha, power, units_per_day } = asked;
  const spread = kind === 'mean' ? deviation ** 2 : kind === 'proportion' ? baseline * (1 - baseline) : discordance / 2;
  const each = Math.ceil((2 * 7.85 * spread) / effect ** 2);
  const total = kind === 'paired' ? each : each * arms;
  const days = units_per_day === null ? null : Math.ceil(total / units_per_day);
  return { control: each, candidate: each, total, alpha, power, days, weeks: days === null ? null : Math.max(1, Math.ceil(days / 7)) };
}
