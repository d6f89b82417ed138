import { usePoll } from '../../api/poll';
import type { ModelVersion, RegisteredModel, Rollout } from '../../api/types';
import { Link } from '../../app/router';
import { Badge, PhaseBadge } from '../../components/Badge';
import { Card, Empty } from '../../components/Card';
import { actor, fixed, shortHash } from '../../components/format';
import { METRICS, valueOf } from '../../components/metrics';
import { Loaded, Page } from '../../components/Page';
import { Prose } from '../../components/Prose';
import { Ago, Took } from '../../components/Time';

export default function ModelsPage() {
  const models = usePoll<{ models: RegisteredModel[] }>('/api/v1/models', 3000);
  const rollouts = usePoll<{ rollouts: Rollout[] }>('/api/v1/rollouts?limit=20', 3000);
  return (
    <Page title="Models" lead="Registered versions, which of them answers, and how each got there.">
      <Loaded from={models}>
        {({ models }) => (models.length > 0 ? models.map((model) => <ModelCard key={model.name} model={model} />) : <Empty title="No model is registered yet">A training run registers one with mlflow.register_model.</Empty>)}
      </Loaded>
      <Loaded from={rollouts}>{({ rollouts }) => (rollouts.length > 0 ? <Rollouts rollouts={rollouts} /> : null)}</Loaded>
    </Page>
  );
}

function ModelCard({ model }: { model: RegisteredModel }) {
  return (
    <Card title={model.name} aside={<Serving model={model} />}>
      <div className="table-scroll">
        <table className="list">
          <thead>
            <tr>
              <th scope="col">Version</th>
              <th scope="col">Stage</th>
              {METRICS.map((metric) => (
                <th scope="col" key={metric.label} title={metric.title} className="right">
                  {metric.label}
                </th>
              ))}
              <th scope="col">Registered</th>
              <th scope="col">By</th>
              <th scope="col">Training run</th>
              <th scope="col">
                <span className="sr-only">Lineage</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {model.versions.map((version) => (
              <VersionRow key={version.version} model={model} version={version} />
            ))}
          </tbody>
        </table>
      </div>
    </Card>
  );
}

function Serving({ model }: { model: RegisteredModel }) {
  if (model.serving === null) return <Badge tone="quiet">not serving</Badge>;
  return (
    <Badge tone={model.ready ? 'good' : 'warn'} icon={model.ready ? 'ok' : 'clock'}>
      v{model.serving} {model.ready ? 'answers' : 'is starting'}
      {model.on_trial !== null && `, v${model.on_trial} on trial with ${model.weight} %`}
    </Badge>
  );
}

function VersionRow({ model, version }: { model: RegisteredModel; version: ModelVersion }) {
  return (
    <tr>
      <td>
        <strong>v{version.version}</strong>
        {version.version === model.serving && <Badge tone="active">champion</Badge>}
        {version.version === model.on_trial && <Badge tone="active">{model.weight} %</Badge>}
        {version.aliases.length > 0 && <span className="under">@{version.aliases.join(' @')}</span>}
      </td>
      <td>{version.stage}</td>
      {METRICS.map((metric) => (
        <td key={metric.label} className="num right">
          {fixed(valueOf(metric, version.metrics))}
        </td>
      ))}
      <td className="nowrap">
        <Ago time={version.created} />
      </td>
      <td>{actor(version.created_by)}</td>
      <td className="mono" title={version.run_id ?? undefined}>
        {version.run_id ? shortHash(version.run_id) : '–'}
      </td>
      <td>
        <Link href={`/models/${encodeURIComponent(model.name)}/${version.version}`}>why?</Link>
      </td>
    </tr>
  );
}

function Rollouts({ rollouts }: { rollouts: Rollout[] }) {
  return (
    <Card title="Rollouts">
      <div className="table-scroll">
        <table className="list">
          <thead>
            <tr>
              <th scope="col">Version</th>
              <th scope="col">Outcome</th>
              <th scope="col">What happened</th>
              <th scope="col">Asked for</th>
              <th scope="col">Began</th>
              <th scope="col">Took</th>
            </tr>
          </thead>
          <tbody>
            {rollouts.map((rollout) => (
              <tr key={rollout.id}>
                <td>
                  {rollout.model} <strong>v{rollout.version}</strong>
                </td>
                <td>
                  <PhaseBadge phase={rollout.state.phase} />
                </td>
                <td className="wide">
                  <Prose text={rollout.state.message} />
                </td>
                <td className="wide">
                  {rollout.reason}
                  <span className="under">{actor(rollout.requested_by)}</span>
                </td>
                <td className="nowrap">
                  <Ago time={rollout.created} />
                </td>
                <td className="nowrap">
                  <Took started={rollout.created} ended={rollout.ended} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Card>
  );
}
