import { type Because, type Comparison, type Decision, exact, type Mode, type Outcome, type Plan, type Reached, type TestArm, type TestStatus, type Undecided, type Waiting, type Warning } from '../../api/ab';
import type { Tone } from '../../components/Badge';
import type { IconName } from '../../components/Icon';
import { duration, percent, plural, whole } from '../../components/format';

/** What a decision means, as sentences. */

type Facts = Decision['decision'];

const WHY: Record<Because, string> = {
  sample_ratio_mismatch: 'units are not split as planned',
  outcome_ratio_mismatch: 'known outcomes are missing more in one arm',
  harm: 'every candidate violates a guardrail or is worse in a goal',
  maximum_reached: 'the maximum of units was reached without a winner',
};

export function outcomeSaid(outcome: Outcome, arms: TestArm[]): string {
  switch (outcome.outcome) {
    case 'winner':
      return `${armName(arms, outcome.arm)} wins`;
    case 'keep_champion':
      return `The control stays: ${outcome.because === 'harm' && withoutCandidates(arms) ? 'no candidate has weight, so there is nothing to compare' : WHY[outcome.because]}`;
    case 'stop':
      return `Stopped without a result: ${WHY[outcome.because]}`;
    case 'continue':
      return `Waits for ${WAITING[outcome.waiting]}`;
  }
}

/** A phase can only be without candidates when an earlier version took its file. */
function withoutCandidates(arms: TestArm[]): boolean {
  return arms.slice(1).every((arm) => arm.weight === 0);
}

const WAITING: Record<Waiting, string> = {
  time: 'time',
  units: 'units',
  outcomes: 'outcomes',
  undecided: 'a metric that cannot be compared yet',
  look: 'the next look that the plan counts',
  guardrail: 'a guardrail',
  evidence: 'evidence',
  earning: 'its maximum of units',
};

/** What is waited for, with its figures. */
export function waitingSaid(waiting: Waiting, { plan, snapshot, comparisons }: Facts): string {
  switch (waiting) {
    case 'time':
      return `There is no winner before ${span(plan.minimum_seconds)}; ${span(snapshot.seconds)} are over.`;
    case 'units':
      return `Each arm needs at least ${whole(plan.minimum_units)} units; the smallest has ${whole(Math.min(...snapshot.units))}.`;
    case 'outcomes':
      return `At least ${Math.round(100 * exact(plan.maturity))} % of the outcomes that are due must be known in each arm.`;
    case 'undecided': {
      const open = comparisons.filter((comparison) => typeof comparison.verdict === 'object');
      return `Cannot be compared yet: ${[...new Set(open.map((comparison) => comparison.metric))].join(', ')}.`;
    }
    case 'look': {
      const known = snapshot.looks?.at(-1) ?? 0;
      return `The plan counts its looks, ${whole(known)} of ${whole(plan.planned_units)} units at the last one; nothing is tested in between but harm and the split.`;
    }
    case 'guardrail':
      return `A goal is better; ${names(comparisons, 'guardrail') || 'a guardrail'} must still be shown to hold.`;
    case 'evidence':
      return 'No goal is shown to be better yet.';
    case 'earning':
      return 'Weights follow the results, phase by phase; only harm or a broken split ends it before.';
  }
}

function names(comparisons: Comparison[], role: Comparison['role']): string {
  const open = comparisons.filter((comparison) => comparison.role === role && comparison.verdict !== 'better');
  return [...new Set(open.map((comparison) => comparison.metric))].join(', ');
}

export interface Said {
  tone: Tone;
  title: string;
  text: string;
}

/** Whether units, and known outcomes, are split as planned. The checks share the false alarms. */
export function splitSaid({ plan, snapshot, srm_log_e }: Facts, arms: TestArm[]): Said {
  const checks = splitChecks(plan, snapshot.metrics);
  if (checks === 0) return { tone: 'quiet', title: 'Same requests', text: 'All arms answer the same requests, so there is no split that could be wrong.' };
  const logE = exact(srm_log_e);
  const limit = Math.log(exact(plan.srm_threshold) * checks);
  const split = `${snapshot.units.map(whole).join(' : ')} units, planned ${arms.map((arm) => share(arm.weight)).join(' : ')}`;
  const e = `E-value ${odds(logE)} of ${odds(limit)}.`;
  if (!(logE < limit)) {
    return { tone: 'bad', title: 'Sample ratio mismatch', text: `${split}. Chance does not explain this: requests or outcomes of one arm are lost or counted twice. No figure below can be trusted; find the cause, then begin a new phase. ${e}` };
  }
  if (logE >= limit / 2) {
    return { tone: 'warn', title: 'The split looks odd', text: `${split}. This may still be chance; should it go on, the test is stopped. Look for lost or doubled requests now. ${e}` };
  }
  return { tone: 'good', title: 'Split as planned', text: `${split}. Nothing hints at lost or doubled requests or outcomes. ${e}` };
}

/** How many splits are watched: that of units, and that of the known outcomes of each metric. */
export function splitChecks(plan: Plan, metrics: Facts['snapshot']['metrics']): number {
  const held = Object.values(metrics);
  const pairs = held.length > 0 && held.every((evidence) => !('split' in evidence));
  const watched = [...plan.goals, ...plan.guardrails].filter(({ metric }) => {
    const evidence = metrics[metric];
    return evidence !== undefined && 'split' in evidence;
  });
  return (pairs ? 0 : 1) + watched.length;
}

function odds(logE: number): string {
  if (!Number.isFinite(logE) || logE > 14) return 'over a million';
  const e = Math.exp(logE);
  return e < 10 ? e.toFixed(1) : whole(e);
}

export function share(weight: number): string {
  return `${Number((100 * weight).toFixed(1))} %`;
}

export function verdictSaid({ role, verdict, effect }: Comparison): Said {
  if (typeof verdict === 'object') return { tone: 'warn', title: 'not comparable', text: undecidedSaid(verdict.undecided) };
  const goal = role === 'goal';
  const pairs = effect === null;
  switch (verdict) {
    case 'better':
      return { tone: 'good', title: goal ? 'better' : 'holds', text: goal ? `The interval lies above ${pairs ? 'one half' : 'zero'}.` : 'Shown to stay above the limit.' };
    case 'worse':
      return { tone: 'bad', title: goal ? 'worse' : 'violated', text: goal ? `The interval lies below ${pairs ? 'one half' : 'zero'}.` : 'Shown to lie below the limit.' };
    case 'open':
      return { tone: 'quiet', title: 'open', text: goal ? 'Neither better nor worse is shown.' : 'Not yet shown to be on either side of the limit.' };
  }
}

const UNDECIDED: Record<string, string> = {
  too_few: 'There are too few observations: each arm needs at least 100 units.',
  no_variance: 'The values do not vary, so there is no error to compare a difference with.',
  zero_baseline: 'The baseline is zero, so a ratio has no meaning.',
  not_finite: 'A value is not a finite number.',
  lengths: 'Groups that belong together differ in length.',
};

export function undecidedSaid(why: Undecided): string {
  if (typeof why === 'string') return UNDECIDED[why] ?? why.replaceAll('_', ' ');
  return why.parameter === 'margin' ? 'This scale or design knows no such margin.' : `A parameter is out of range: ${why.parameter}.`;
}

/** How far a goal has come, as facts: what a look now would show, and the Bayesian view. */
export function reachedSaid({ smallest, detectable, power, chance_to_win, risk }: Reached, scale: 'difference' | 'log_ratio'): [name: string, value: string][] {
  const facts: [string, string][] = [];
  if (smallest !== null && power !== null) {
    const matters = scale === 'log_ratio' ? `${telling(100 * smallest)} %` : telling(smallest);
    facts.push(['Power reached', `${certain(power)} for the effect that matters, ${matters}`]);
  }
  if (detectable !== null) facts.push(['A look now finds', `${gain(detectable, scale)} or more with 80 %`]);
  facts.push(['Better with', `${certain(chance_to_win)} (Bayes, flat prior)`]);
  const [keep, take] = risk.map((loss) => gain(loss, scale).slice(1));
  facts.push(['Expected loss', `${take} if taken, ${keep} if not`]);
  return facts;
}

/** Nothing is certain. */
function certain(share: number): string {
  if (share > 0.999) return 'over 99.9 %';
  return share < 0.001 ? 'under 0.1 %' : percent(share, 1);
}

export function warningSaid(warning: Warning): string {
  if (warning === 'seen_in_several') return 'More than one unit in a hundred was seen in several arms. They are left out; find out why units change their arm.';
  if ('too_good' in warning) return `\`${warning.too_good}\` differs by more than 8 standard errors. That is more often a mistake than a discovery: check how it is measured.`;
  return `\`${warning.same_arms_differ}\` differs between arms that are the same: something in the split or the measurement is wrong.`;
}

export const STATUS_LOOK: Record<TestStatus, { tone: Tone; icon: IconName; word: string }> = {
  draft: { tone: 'quiet', icon: 'clock', word: 'not started' },
  running: { tone: 'active', icon: 'dot', word: 'running' },
  ended: { tone: 'quiet', icon: 'ok', word: 'ended' },
};

export function outcomeTone(outcome: Outcome): Tone {
  if (outcome.outcome === 'winner') return 'good';
  if (outcome.outcome === 'continue') return 'active';
  return outcome.outcome === 'stop' || outcome.because === 'harm' ? 'bad' : 'quiet';
}

export function armName(arms: TestArm[], arm: number): string {
  return arms[arm]?.name ?? `arm ${arm}`;
}

export const MODE_SAID: Record<Mode, string> = {
  split: 'each unit sees one arm',
  shadow: 'all arms answer the same requests',
  interleaved: 'the lists of both arms are merged into one',
};

/** Which units count for an arm, of pairs. */
export function preferred(arm: string, mode: Mode | null): string {
  return mode === 'interleaved' ? `prefer ${arm}` : `only ${arm} right`;
}

/** What a metric's estimate was adjusted by, and where its values were cut, as facts. */
export function adjustedSaid({ strata, caps }: Facts['snapshot'], metric: string): [name: string, value: string][] {
  const facts: [string, string][] = [];
  const held = strata?.[metric];
  if (held) {
    const units = (arms: { n: number }[]) => arms.reduce((sum, arm) => sum + arm.n, 0);
    facts.push(['Strata', held.map(({ name, arms }) => `${name} ${whole(units(arms))}`).join(' · ')]);
  }
  const cap = caps?.[metric];
  if (cap !== undefined) facts.push(['Values above count as it', telling(exact(cap))]);
  return facts;
}

/** A gain on its scale: logarithms of ratios are read as percent. */
export function gain(value: number, scale: 'difference' | 'log_ratio'): string {
  const shown = scale === 'log_ratio' ? 100 * Math.expm1(value) : value;
  if (!Number.isFinite(shown)) return '–';
  return `${shown < 0 ? '−' : '+'}${telling(Math.abs(shown))}${scale === 'log_ratio' ? ' %' : ''}`;
}

/** Three telling digits: more would promise what no interval keeps. */
function telling(size: number): string {
  if (size === 0) return '0';
  if (size >= 1000) return whole(size);
  return size < 1e-4 ? size.toExponential(2) : size.toPrecision(3);
}

export function scaleOf(plan: Plan, metric: string): 'difference' | 'log_ratio' {
  return [...plan.goals, ...plan.guardrails].find((one) => one.metric === metric)?.scale ?? 'difference';
}

export function direction(plan: Plan, metric: string): string {
  const found = [...plan.goals, ...plan.guardrails].find((one) => one.metric === metric);
  return found ? `${found.direction} is better` : '';
}

const DAY = 86_400;

/** Days and hours of a test. */
export function span(seconds: number): string {
  const days = Math.floor(seconds / DAY);
  if (days === 0) return duration(seconds * 1000).replace(/ 0 (s|min)$/, '');
  const hours = Math.floor((seconds % DAY) / 3600);
  return hours === 0 ? plural(days, 'day') : `${plural(days, 'day')} ${hours} h`;
}
