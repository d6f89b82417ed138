import type { ReactNode } from 'react';
import type { Lineage } from '../../api/types';
import { Link } from '../../app/router';
import { AttemptBadge, Badge, PhaseBadge, VerdictBadge } from '../../components/Badge';
import { actor, bytes, fixed, shortHash } from '../../components/format';
import { Icon, type IconName } from '../../components/Icon';
import { METRICS, valueOf } from '../../components/metrics';
import { Prose } from '../../components/Prose';
import { Ago, Took } from '../../components/Time';

/** The lineage of one version as a chain: each link came from the one below it. */
export function Chain({ lineage }: { lineage: Lineage }) {
  return (
    <>
      <ol className="chain">
        <ModelLink model={lineage.model} />
        {lineage.rollout && <RolloutLink rollout={lineage.rollout} />}
        {lineage.gates.length > 0 && <GateLinks gates={lineage.gates} />}
        {lineage.run && <RunLink run={lineage.run} />}
        {lineage.pipeline && <PipelineLink pipeline={lineage.pipeline} />}
        {lineage.data.length > 0 && <DataLinks data={lineage.data} />}
      </ol>
      {lineage.gaps.length > 0 && (
        <div className="note tone-warn">
          <strong>What is not known</strong>
          <ul>
            {lineage.gaps.map((gap) => (
              <li key={gap}>{gap}</li>
            ))}
          </ul>
        </div>
      )}
    </>
  );
}

function ChainLink({ icon, title, children }: { icon: IconName; title: ReactNode; children: ReactNode }) {
  return (
    <li className="chain-link">
      <span className="chain-mark">
        <Icon name={icon} size={18} />
      </span>
      <div className="card chain-card">
        <h2>{title}</h2>
        {children}
      </div>
    </li>
  );
}

function ModelLink({ model }: { model: Lineage['model'] }) {
  return (
    <ChainLink
      icon="registry"
      title={
        <>
          {model.name} v{model.version} <Badge tone="active">{model.stage}</Badge>
        </>
      }
    >
      <p>
        Registered by {actor(model.registered_by)} <Ago time={model.registered} />
        {model.aliases.length > 0 && `, known as ${model.aliases.map((alias) => `@${alias}`).join(', ')}`}.
      </p>
      {model.promoted && (
        <p>
          Sent to production by <strong>{actor(model.promoted.actor)}</strong> <Ago time={model.promoted.time} />
          {model.promoted.reason && `: ${model.promoted.reason}`} <span className="faint">(audit entry {model.promoted.audit_seq})</span>
        </p>
      )}
    </ChainLink>
  );
}

function RolloutLink({ rollout }: { rollout: NonNullable<Lineage['rollout']> }) {
  return (
    <ChainLink
      icon="rollout"
      title={
        <>
          Rollout <PhaseBadge phase={rollout.phase} />
        </>
      }
    >
      <p>
        <Prose text={rollout.message} /> <span className="faint">Asked for by {actor(rollout.requested_by)}: {rollout.reason}</span>
      </p>
      <ul className="story">
        {rollout.history.map((entry) => (
          <li key={`${entry.time}-${entry.what}`}>
            {entry.what} <Ago time={entry.time} />
          </li>
        ))}
      </ul>
    </ChainLink>
  );
}

function GateLinks({ gates }: { gates: Lineage['gates'] }) {
  return (
    <ChainLink icon="gate" title="Gates">
      <ul className="story">
        {gates.map((gate) => (
          <li key={`${gate.gate}-${gate.time}`}>
            <VerdictBadge verdict={gate.verdict} /> <strong>{gate.gate}</strong> {gate.summary} <Ago time={gate.time} />
          </li>
        ))}
      </ul>
    </ChainLink>
  );
}

function RunLink({ run }: { run: NonNullable<Lineage['run']> }) {
  const params = Object.entries(run.params);
  return (
    <ChainLink icon="train" title="Training run">
      <p>
        <Link href={`/experiments/runs/${run.run_id}`}>{run.name}</Link> <code>{run.run_id}</code> by {actor(run.created_by)}
      </p>
      <dl className="facts">
        {METRICS.map((metric) => (
          <div key={metric.label}>
            <dt>{metric.label}</dt>
            <dd className="num">{fixed(valueOf(metric, run.metrics))}</dd>
          </div>
        ))}
        {params.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{String(value)}</dd>
          </div>
        ))}
      </dl>
    </ChainLink>
  );
}

function PipelineLink({ pipeline }: { pipeline: NonNullable<Lineage['pipeline']> }) {
  return (
    <ChainLink icon="monitor" title={`Pipeline ${pipeline.dag_id}`}>
      <p>
        <Link href={`/pipelines/${encodeURIComponent(pipeline.run_id)}`}>{pipeline.run_id}</Link>: {pipeline.reason}
        {pipeline.commit && (
          <>
            {' '}
            at commit <code>{shortHash(pipeline.commit)}</code>
          </>
        )}
      </p>
      <ul className="story story-row">
        {pipeline.attempts.map((attempt) => (
          <li key={`${attempt.task}-${attempt.try_number}`}>
            <AttemptBadge state={attempt.state} /> <strong>{attempt.task}</strong>
            {attempt.try_number > 1 && ` try ${attempt.try_number}`} <Took started={attempt.started} ended={attempt.ended} />
          </li>
        ))}
      </ul>
    </ChainLink>
  );
}

function DataLinks({ data }: { data: Lineage['data'] }) {
  return (
    <ChainLink icon="data" title="Data">
      <ul className="story">
        {data.map((file) => (
          <li key={file.path}>
            <strong>{file.path}</strong> <span className="faint">{bytes(file.size)}</span> <code>md5 {file.md5}</code>
            {file.commit && (
              <>
                {' '}
                <span className="faint">in commit</span> <code>{shortHash(file.commit)}</code>
              </>
            )}
          </li>
        ))}
      </ul>
    </ChainLink>
  );
}
