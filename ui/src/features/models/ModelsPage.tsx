import { usePoll } from '../../api/poll';
import type { RegisteredModel, Rollout } from '../../api/types';
import { Link } from '../../app/router';
import { Empty } from '../../components/Card';
import { plural } from '../../components/format';
import { Loaded, Page } from '../../components/Page';
import { Rollouts } from './Rollouts';
import { Serving, Versions } from './Versions';
import '../../runs/runs.css';
import './models.css';

/** Versions that a model shows in the list of models; its own page shows all. */
const NEWEST = 5;

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
  const href = `/models/${encodeURIComponent(model.name)}`;
  return (
    <section className="card">
      <header className="card-head">
        <h2 className="model-name">
          <Link href={href}>{model.name}</Link>
        </h2>
        <div className="card-aside">
          <Serving model={model} />
        </div>
      </header>
      {model.versions.length > 0 ? <Versions model={model} atMost={NEWEST} /> : <p className="faint">No version yet.</p>}
      {model.versions.length > NEWEST && (
        <p className="gate-more">
          <Link href={href}>all {plural(model.versions.length, 'version')}</Link>
        </p>
      )}
    </section>
  );
}
