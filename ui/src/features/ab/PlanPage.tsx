import { useEffect, useMemo, useState } from 'react';
import { type Answer, type Kind, PLANNER, type Question, type Test } from '../../api/ab';
import { postJson, sendJson } from '../../api/client';
import { useKept, usePollQuery } from '../../api/poll';
import { navigate, setParams, useParam } from '../../app/router';
import { Card } from '../../components/Card';
import { Page, RefusedNote } from '../../components/Page';
import { FileEditor } from './FileEditor';
import { answerSaid, around, COMMON, type Field, KINDS, problem, question, skeleton } from './plan';
import { SizeChart, type Size } from './SizeChart';
import '../../runs/runs.css';
import './ab.css';

/** An answer never changes; it is asked for again only after a failure or a long time. */
const RARELY_MS = 600_000;

/** What looking all the time comes to; for arms apart as `mainspring ab simulate` measures it. */
const EARLY = {
  apart:
    'By default the rule looks all the time, and goes on to twice this size. It then finds the effect in 85 of 100 tests, on average after 1.1 times this size; of an effect that is one and a half times as large it is sure after about half of it.',
  paired: 'The rule looks all the time, and goes on to twice this size. What it says of pairs is valid at every size.',
};

/** How many units a test takes, how long it runs, and the file to begin with. */
export default function PlanPage() {
  const [chosen] = useParam('kind');
  const found = KINDS.find(({ kind }) => kind === chosen) ?? KINDS[0];
  if (!found) return null;
  return (
    <Page title="Plan a test" crumbs={[{ href: '/ab', title: 'A/B tests' }]} lead="How many units it takes to see the smallest effect that matters, before anything is started.">
      <div className="segments ab-kinds" role="group" aria-label="What is compared">
        {KINDS.map(({ kind, title }) => (
          <button key={kind} type="button" aria-pressed={kind === found.kind} onClick={() => setParams({ kind, effect: null })}>
            {title}
          </button>
        ))}
      </div>
      <Planner key={found.kind} kind={found.kind} about={found.about} fields={[...found.fields, ...COMMON]} />
    </Page>
  );
}

/** What the address says of the fields, and how to write it there. */
function useFields(fields: Field[]): [(field: Field) => string, (field: Field, text: string) => void] {
  const fromAddress = () => {
    const address = new URLSearchParams(location.search);
    return Object.fromEntries(fields.map(({ key, default: value }) => [key, address.get(key) ?? value]));
  };
  const [texts, setTexts] = useState<Record<string, string>>(fromAddress);
  const write = (field: Field, text: string) => {
    setTexts((before) => ({ ...before, [field.key]: text }));
    setParams({ [field.key]: text === field.default ? null : text });
  };
  return [(field) => texts[field.key] ?? field.default, write];
}

function Planner({ kind, about, fields }: { kind: Kind; about: string; fields: Field[] }) {
  const [read, write] = useFields(fields);
  const written = JSON.stringify(fields.map(read));
  const asked = useMemo(() => {
    const texts = JSON.parse(written) as string[];
    return question(kind, (field) => texts[fields.findIndex(({ key }) => key === field.key)] ?? field.default);
  }, [kind, written, fields]);
  const polled = usePollQuery<Answer>(PLANNER, asked, RARELY_MS);
  const answer = useKept(polled.data);
  const wrong = asked === null ? (wrongOf(kind, fields, read) ?? 'Fill in every field with a number.') : null;
  return (
    <div className="ab-planner">
      <Card title="What is known" className="ab-inputs">
        <p className="faint">{about}</p>
        {fields.map((field) => (
          <label key={field.key} className="ab-field">
            <span className="ab-field-label">{field.label}</span>
            <input type="number" step={field.step} value={read(field)} onChange={(event) => write(field, event.target.value)} />
            <span className="ab-field-hint">{field.hint}</span>
          </label>
        ))}
      </Card>
      <div className="ab-answer">
        {wrong !== null && (
          <p className="note tone-warn" role="status">
            {wrong}
          </p>
        )}
        {polled.refused && <RefusedNote refused={polled.refused} />}
        {asked !== null && answer && <Answered asked={asked} answer={answer} />}
      </div>
    </div>
  );
}

/** What is out of range, when all fields hold numbers. */
function wrongOf(kind: Kind, fields: Field[], read: (field: Field) => string): string | null {
  const values = Object.fromEntries(fields.map((field) => [field.key, read(field).trim() === '' ? Number.NaN : Number(read(field))]));
  if (fields.some(({ key }) => key !== 'units_per_day' && Number.isNaN(values[key]))) return null;
  const perDay = values.units_per_day;
  return problem({ effect: 0, arms: 2, alpha: 0, power: 0, ...values, kind, units_per_day: perDay === undefined || Number.isNaN(perDay) ? null : perDay });
}

function Answered({ asked, answer }: { asked: Question; answer: Answer }) {
  const [units, ...more] = answerSaid(asked, answer);
  const sizes = useSizes(asked);
  return (
    <>
      <Card title="What it takes" aside={`${Math.round(100 * answer.power)} % power at one look at the end`}>
        <p className="ab-headline" role="status">
          {units}
        </p>
        {more.map((text) => (
          <p key={text}>{text}</p>
        ))}
        <p className="faint ab-early">
          {EARLY[asked.kind === 'paired' ? 'paired' : 'apart']} <code>mainspring ab simulate FILE</code> plays a file many times.
        </p>
      </Card>
      <Card title="Units for other effects" aside="half the effect takes four times the units">
        {sizes.length > 1 ? <SizeChart sizes={sizes} effect={asked.effect} /> : <p className="loading">Loading…</p>}
      </Card>
      <Skeleton text={skeleton(asked, answer)} />
    </>
  );
}

/** The sizes for effects around the one that was asked for. */
function useSizes(asked: Question): Size[] {
  const [sizes, setSizes] = useState<Size[]>([]);
  const key = JSON.stringify(asked);
  useEffect(() => {
    const stop = new AbortController();
    const one = async (question: Question): Promise<Size> => {
      const { total } = await postJson<Answer>(PLANNER, JSON.stringify(question), stop.signal);
      return { effect: question.effect, units: total };
    };
    Promise.all(around(JSON.parse(key) as Question).map(one)).then(setSizes, () => setSizes([]));
    return () => stop.abort();
  }, [key]);
  return sizes;
}

function Skeleton({ text }: { text: string }) {
  const create = async (spec: string) => {
    const { name } = await sendJson<Test>('POST', '/api/v1/ab/tests', { spec });
    navigate(`/ab/${encodeURIComponent(name)}`);
  };
  return (
    <Card title="File to begin with">
      <p className="faint">
        Put in your model and metrics. Creating a test starts nothing yet. The same from a terminal: <code>mainspring ab create FILE</code>.
      </p>
      <FileEditor key={text} text={text} action="Create the test" send={create} />
    </Card>
  );
}
