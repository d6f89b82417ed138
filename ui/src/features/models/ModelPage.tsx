import { ask, type MlflowModel, type MlflowVersions, quoted } from '../../api/mlflow';
import { usePoll } from '../../api/poll';
import type { RegisteredModel, Rollout } from '../../api/types';
import { Card, Empty } from '../../components/Card';
import { plural } from '../../components/format';
import { Elsewhere, workspaceOf } from '../../components/Elsewhere';
import { Loaded, Page } from '../../components/Page';
import { Rollouts } from './Rollouts';
import { Serving, Versions } from './Versions';
import '../../runs/runs.css';
import './models.css';

const ASK_MS = 4000;

/** One registered model: all its versions, their tags, and how they came to production. */
export default function ModelPage({ params }: { params: Record<string, string> }) {
  const name = params.model ?? '';
  const workspace = workspaceOf(name);
  if (workspace === null) return <Model name={name} />;
  return (
    <Page title={name} crumbs={[{ href: '/models', title: 'Models' }]}>
      <Elsewhere workspace={workspace} what="The model" />
    </Page>
  );
}

function Model({ name }: { name: string }) {
  const model = usePoll<MlflowModel>(ask.model(name), ASK_MS);
  const models = usePoll<{ models: RegisteredModel[] }>('/api/v1/models', ASK_MS);
  const versions = usePoll<MlflowVersions>(ask.versions(`name=${quoted(name)}`), ASK_MS);
  const rollouts = usePoll<{ rollouts: Rollout[] }>(`/api/v1/rollouts?limit=50&short=true&model=${encodeURIComponent(name)}`, ASK_MS);
  const own = models.data?.models.find((one) => one.name === name);
  const tags = model.data?.registered_model.tags ?? [];
  return (
    <Page title={name} crumbs={[{ href: '/models', title: 'Models' }]} lead={model.data?.registered_model.description} aside={own && <Serving model={own} />}>
      <Loaded from={model}>
        {() => (
          <>
            {tags.length > 0 && (
              <dl className="facts model-tags">
                {tags.map((tag) => (
                  <div key={tag.key}>
                    <dt>{tag.key}</dt>
                    <dd>{tag.value}</dd>
                  </div>
                ))}
              </dl>
            )}
            {own &&
              (own.versions.length > 0 ? (
                <Card title="Versions" aside={plural(own.versions.length, 'version')}>
                  <Versions model={own} described={versions.data?.model_versions ?? []} />
                </Card>
              ) : (
                <Empty title="No version is registered yet">A training run registers one with mlflow.register_model.</Empty>
              ))}
            {rollouts.data && rollouts.data.rollouts.length > 0 && <Rollouts rollouts={rollouts.data.rollouts} />}
          </>
        )}
      </Loaded>
    </Page>
  );
}
