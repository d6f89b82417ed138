import { memo } from 'react';
import type { Stage, StageId, StageState } from '../../api/types';
import { Link } from '../../app/router';
import { Icon, type IconName } from '../../components/Icon';
import { Ago } from '../../components/Time';

const WORD: Record<StageState, string> = { idle: 'nothing yet', active: 'at work', ok: 'all right', warn: 'warning', fail: 'stopped' };
const SIGN: Partial<Record<StageState, IconName>> = { ok: 'ok', warn: 'warn', fail: 'fail' };

/** Where more is told of a stage: a part of this page, or another one. */
const MORE: Record<StageId, string> = {
  data: '/data',
  gate: '#pipeline',
  train: '#pipeline',
  test: '#pipeline',
  registry: '/models',
  rollout: '#delivery',
  monitor: '#quality',
};

/** The stages from data to monitoring, on a track that leads back to where it began. */
export const Ring = memo(function Ring({ stages, returning }: { stages: Stage[]; returning: boolean }) {
  return (
    <section className={`card ring ${returning ? 'ring-returning' : ''}`} aria-label="The loop">
      <div className="ring-track" aria-hidden="true" />
      <ol className="ring-stages">
        {stages.map((stage) => (
          <Node key={stage.id} stage={stage} />
        ))}
      </ol>
      <p className="ring-return">
        <span className="ring-back" aria-hidden="true">
          <Icon name="chevron" size={14} />
        </span>
        {returning ? 'a limit was broken: train again' : 'labels come back, new data arrives'}
      </p>
    </section>
  );
});

function Node({ stage }: { stage: Stage }) {
  const sign = SIGN[stage.state];
  return (
    <li className={`node node-${stage.id} stage-${stage.state}`} aria-current={stage.state === 'active' ? 'step' : undefined}>
      <span className="node-mark">
        <Icon name={stage.id} size={22} />
        {sign && (
          <span className="node-sign">
            <Icon name={sign} size={11} />
          </span>
        )}
      </span>
      <div className="node-text">
        <h2>
          <StageLink to={MORE[stage.id]}>{stage.title}</StageLink> <span className="sr-only">{WORD[stage.state]}</span>
        </h2>
        <p className="node-headline">{stage.headline}</p>
        <p className="node-detail" title={stage.detail}>
          {stage.detail}
        </p>
        <p className="node-time">{stage.time !== null && <Ago time={stage.time} />}</p>
      </div>
    </li>
  );
}

function StageLink({ to, children }: { to: string; children: string }) {
  return to.startsWith('#') ? <a href={to}>{children}</a> : <Link href={to}>{children}</Link>;
}
