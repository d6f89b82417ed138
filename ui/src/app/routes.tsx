import { type ComponentType, lazy, type ReactNode, Suspense } from 'react';
import type { Polled } from '../api/poll';
import type { Loop } from '../api/types';
import { Loaded } from '../components/Page';
import { LoopPage } from '../features/loop/LoopPage';
import { Link, match } from './router';

type Params = Record<string, string>;

interface Route {
  pattern: string;
  page: ComponentType<{ params: Params }>;
}

/** Every page but the loop is loaded when it is asked for. */
const ROUTES: Route[] = [
  { pattern: '/data', page: lazy(() => import('../features/data/DataPage')) },
  { pattern: '/pipelines', page: lazy(() => import('../features/pipelines/PipelinesPage')) },
  { pattern: '/pipelines/:run', page: lazy(() => import('../features/pipelines/PipelineRunPage')) },
  { pattern: '/experiments', page: lazy(() => import('../features/experiments/ExperimentsPage')) },
  { pattern: '/experiments/compare', page: lazy(() => import('../features/compare/ComparePage')) },
  { pattern: '/experiments/:experiment', page: lazy(() => import('../features/experiments/ExperimentPage')) },
  { pattern: '/experiments/runs/:run', page: lazy(() => import('../features/run/RunPage')) },
  { pattern: '/experiments/:experiment/runs/:run', page: lazy(() => import('../features/run/RunPage')) },
  { pattern: '/models', page: lazy(() => import('../features/models/ModelsPage')) },
  { pattern: '/models/:model', page: lazy(() => import('../features/models/ModelPage')) },
  { pattern: '/models/:model/:version', page: lazy(() => import('../features/models/VersionPage')) },
  { pattern: '/models/:model/:version/why', page: lazy(() => import('../features/models/WhyPage')) },
  { pattern: '/rollouts', page: lazy(() => import('../features/rollouts/RolloutsPage')) },
  { pattern: '/rollouts/:rollout', page: lazy(() => import('../features/rollouts/RolloutPage')) },
  { pattern: '/ab', page: lazy(() => import('../features/ab/TestsPage')) },
  { pattern: '/ab/plan', page: lazy(() => import('../features/ab/PlanPage')) },
  { pattern: '/ab/:test', page: lazy(() => import('../features/ab/TestPage')) },
  { pattern: '/events', page: lazy(() => import('../features/events/EventsPage')) },
];

export function View({ path, loop }: { path: string; loop: Polled<Loop> }): ReactNode {
  if (path === '/') return <Loaded from={loop}>{(data) => <LoopPage loop={data} />}</Loaded>;
  for (const { pattern, page: Page } of ROUTES) {
    const params = match(pattern, path);
    if (params) {
      return (
        <Suspense fallback={<p className="loading">Loading…</p>}>
          <Page params={params} />
        </Suspense>
      );
    }
  }
  return (
    <div className="page">
      <h1>There is no such page</h1>
      <p className="lead">
        Nothing is at <code>{path}</code>. <Link href="/">Go to the loop</Link>.
      </p>
    </div>
  );
}
