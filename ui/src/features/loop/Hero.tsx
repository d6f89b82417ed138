import type { Loop, LoopModel } from '../../api/types';
import { fixed, percent, whole } from '../../components/format';
import { Prose } from '../../components/Prose';
import { headline } from './headline';

/** Where things stand, and the numbers of this moment. */
export function Hero({ loop }: { loop: Loop }) {
  const { tone, title, detail } = headline(loop);
  const model = loop.models[0];
  return (
    <header className={`hero tone-${tone}`}>
      <div className="hero-text" role="status">
        <h1>{title}</h1>
        <p>
          <Prose text={detail} />
        </p>
      </div>
      {model && <Numbers model={model} />}
    </header>
  );
}

function Numbers({ model }: { model: LoopModel }) {
  const { traffic, counts, limits } = model;
  const auc = model.windows.at(-1)?.values.auc;
  const low = typeof auc === 'number' && typeof limits?.min_auc === 'number' && auc < limits.min_auc;
  const errors = traffic.requests > 0 ? traffic.errors / traffic.requests : 0;
  return (
    <dl className="numbers">
      <Figure name="requests / s" value={traffic.requests_per_second.toFixed(1)} />
      <Figure name={`errors, ${traffic.window_seconds} s`} value={percent(errors, errors > 0 && errors < 0.1 ? 1 : 0)} bad={errors > 0.02} />
      <Figure name="live AUC" value={fixed(auc)} bad={low} />
      <Figure name="predictions" value={whole(counts.predictions)} />
      <Figure name="labelled" value={whole(counts.labelled)} />
    </dl>
  );
}

function Figure({ name, value, bad = false }: { name: string; value: string; bad?: boolean }) {
  return (
    <div className={bad ? 'figure tone-bad' : 'figure'}>
      <dt>{name}</dt>
      <dd className="num">{value}</dd>
    </div>
  );
}
