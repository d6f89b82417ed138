import type { Answer, Kind, Question } from '../../api/ab';
import { plural, whole } from '../../components/format';

/** The planner's questions, and its answers in words and as a file. */

export interface Field {
  key: 'deviation' | 'baseline' | 'discordance' | 'effect' | 'arms' | 'alpha' | 'power' | 'units_per_day';
  label: string;
  /** Its unit, and what it means. */
  hint: string;
  default: string;
  step: string;
}

interface KindOf {
  kind: Kind;
  title: string;
  about: string;
  fields: Field[];
}

const effect = (hint: string, value: string, step: string): Field => ({ key: 'effect', label: 'Smallest effect that matters', hint, default: value, step });

/** What is asked of every kind. */
export const COMMON: Field[] = [
  { key: 'arms', label: 'Arms', hint: 'the control included', default: '2', step: '1' },
  { key: 'alpha', label: 'False winner', hint: 'probability, over all candidates', default: '0.05', step: '0.01' },
  { key: 'power', label: 'Power', hint: 'probability of finding the effect', default: '0.8', step: '0.05' },
  { key: 'units_per_day', label: 'Units a day', hint: 'users or requests that take part', default: '10000', step: '100' },
];

export const KINDS: KindOf[] = [
  {
    kind: 'proportion',
    title: 'Share of units',
    about: 'How many units do something: book, click, get an error.',
    fields: [
      { key: 'baseline', label: 'Share now', hint: 'between 0 and 1', default: '0.1', step: '0.01' },
      effect('added to the share: 0.01 is one percentage point', '0.01', '0.001'),
    ],
  },
  {
    kind: 'mean',
    title: 'Mean of units',
    about: 'A quantity of each unit: revenue, latency, a score.',
    fields: [
      { key: 'deviation', label: 'Standard deviation', hint: 'between units, in the metric’s unit', default: '20', step: '1' },
      effect('in the metric’s unit', '1', '0.1'),
    ],
  },
  {
    kind: 'paired',
    title: 'Same requests',
    about: 'The models answer the same requests, and each answer is right or wrong (mode shadow).',
    fields: [
      { key: 'discordance', label: 'Discordance', hint: 'share of requests on which only one is right', default: '0.05', step: '0.01' },
      effect('difference of the shares of right answers', '0.01', '0.001'),
    ],
  },
];

/** What is written in the fields; null where something is not a number or out of range. */
export function question(kind: Kind, written: (field: Field) => string): Question | null {
  const found = KINDS.find((one) => one.kind === kind);
  if (!found) return null;
  const asked: Question = { kind, effect: 0, arms: 2, alpha: 0, power: 0, units_per_day: null };
  for (const field of [...found.fields, ...COMMON]) {
    const text = written(field).trim();
    if (text === '' && field.key === 'units_per_day') continue;
    const value = Number(text);
    if (text === '' || !Number.isFinite(value)) return null;
    asked[field.key] = value;
  }
  return problem(asked) === null ? asked : null;
}

/** What is wrong with a question, in words. */
export function problem({ kind, effect, deviation = 1, baseline = 0.5, discordance = 1, arms, alpha, power, units_per_day }: Question): string | null {
  if (effect === 0) return 'The effect must not be zero.';
  if (!(alpha > 0 && alpha < 0.5)) return 'The probability of a false winner lies between 0 and 0.5.';
  if (!(power > alpha && power < 1)) return 'The power lies between the probability of a false winner and 1.';
  if (!(Number.isInteger(arms) && arms >= 2 && arms <= 20)) return 'There are 2 to 20 arms.';
  if (units_per_day !== null && !(units_per_day > 0)) return 'Units a day must be above zero, or left out.';
  if (kind === 'mean' && !(deviation > 0)) return 'The standard deviation must be above zero.';
  if (kind === 'proportion' && !(baseline > 0 && baseline < 1 && baseline + effect > 0 && baseline + effect < 1)) return 'The share now, and the share with the effect, lie between 0 and 1.';
  if (kind === 'paired' && !(discordance > 0 && discordance <= 1 && Math.abs(effect) < discordance)) return 'The effect is smaller than the discordance: models that agree everywhere cannot differ.';
  return null;
}

/** Effects around the one that was asked for, for a chart; only those that can be planned. */
export function around(asked: Question): Question[] {
  return [0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.15, 1.3, 1.5, 1.75, 2].map((times) => ({ ...asked, effect: asked.effect * times })).filter((one) => problem(one) === null);
}

/** Units and time, as a sentence each. */
export function answerSaid(asked: Question, { control, candidate, total, days, weeks }: Answer): string[] {
  const said = [
    asked.kind === 'paired'
      ? `${plural(total, 'request')}, each answered by ${asked.arms === 2 ? 'both models' : `all ${asked.arms} models`}.`
      : asked.arms === 2
        ? `${plural(control, 'unit')} in each arm, ${whole(total)} in all.`
        : `${whole(control)} units in the control and ${whole(candidate)} in each other arm, ${whole(total)} in all.`,
  ];
  if (days !== null && weeks !== null) {
    said.push(`That is ${plural(days, 'day')} of traffic. Run it for ${plural(weeks, 'whole week')}, so that every day of the week counts alike.`);
  }
  return said;
}

const METRIC: Record<Kind, { name: string; line: string }> = {
  proportion: { name: 'booked', line: 'booked: {event: booked}  # whether a unit has the event' },
  mean: { name: 'revenue', line: 'revenue: {event: paid, outcome: sum, window: 3d}' },
  paired: { name: 'correct', line: 'correct: {from: correct, threshold: 0.5}' },
};

/** The file of a test with this size. */
export function skeleton(asked: Question, { total, weeks }: Answer): string {
  const { kind, arms, alpha } = asked;
  const metric = METRIC[kind];
  const candidates = Array.from({ length: arms - 1 }, (_, index) => `  - {name: candidate${arms > 2 ? `-${index + 1}` : ''}, version: ${index + 2}}`);
  const better = asked.effect < 0 ? 'lower' : 'higher';
  const lines = [
    'name: my-test',
    'hypothesis: What is expected, and why.',
    'model: my_model',
    ...(kind === 'paired' ? ['mode: shadow'] : []),
    'arms:',
    '  - {name: control, version: 1}',
    ...candidates,
    'metrics:',
    `  ${metric.line}`,
    ...(kind === 'paired' ? [] : ['  failed: {from: error}']),
    'goals:',
    `  - {metric: ${metric.name}, better: ${better}, effect: ${Math.abs(asked.effect)}}`,
    ...(kind === 'paired' ? [] : ['guardrails:', '  - {metric: failed, better: lower, margin: 0.005}']),
    'plan:',
    `  planned_units: ${total}`,
    `  minimum_runtime: ${7 * (weeks ?? 1)}d`,
    ...(alpha === 0.05 ? [] : [`  alpha: ${alpha}`]),
    'on_winner: rollout',
  ];
  return `${lines.join('\n')}\n`;
}
