import type { Artifacts, LoggedModels, MlflowModel, MlflowRun, MlflowVersions } from '../../src/api/mlflow';
import type { Loop, RegisteredModel } from '../../src/api/types';
import { runId } from './tracking';

const FILES: Record<string, { body: string | Buffer; type: string }> = {
  'config.yaml': { body: 'model: gbm\nlearning_rate: 0.1\n', type: 'text/plain' },
  'page.html': { body: '<script>document.title = "taken over"</script>', type: 'text/html' },
  'data/predictions.csv': { body: 'carrier,score,note\nUA,0.12,"late, ""again"""\nDL,0.34,on time\n', type: 'text/csv' },
  'data/importance.json': { body: '{"columns":["feature","gain"],"data":[["hour",0.4],["carrier",0.2]]}', type: 'text/plain' },
  'plots/confusion.png': {
    body: Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==', 'base64'),
    type: 'image/png',
  },
  MLmodel: { body: 'flavors:\n  sklearn: {}\n', type: 'text/plain' },
  'model/weights.bin': { body: 'xxxx', type: 'application/octet-stream' },
};

/** What the MLflow API answers at a moment of the story; undefined where nothing is known. */
export function mlflow(url: URL, loop: Loop, models: RegisteredModel[]): unknown {
  const path = url.pathname.replace('/ajax-api/2.0/mlflow/', '');
  const named = (name: string) => url.searchParams.get(name) ?? '';
  switch (path) {
    case 'runs/get':
      return run();
    case 'artifacts/list':
      return artifacts(named('path'));
    case 'logged-models/search':
      return loggedModels();
    case 'logged-models/m-1/artifacts/directories':
      return { files: [{ path: 'MLmodel', is_dir: false, file_size: 33 }] } satisfies Artifacts;
    case 'registered-models/get':
      return model(named('name'), loop, models);
    case 'model-versions/search':
      return versions(named('filter'), models);
    default:
      return undefined;
  }
}

export function artifact(path: string): { body: string | Buffer; type: string } | undefined {
  return FILES[path];
}

function run(): MlflowRun {
  const dataset = { name: 'flights-2013-q1', digest: 'a81f3c', source_type: 'local', source: '{}' };
  return { run: { inputs: { dataset_inputs: [{ tags: [{ key: 'mlflow.data.context', value: 'training' }], dataset }] } } };
}

function loggedModels(): LoggedModels {
  return { models: [{ info: { model_id: 'm-1', name: 'gbm', status: 'LOGGED_MODEL_READY', model_type: 'sklearn', artifact_uri: 'mlflow-artifacts:/1/models/m-1/artifacts' } }] };
}

function artifacts(folder: string): Artifacts {
  const prefix = folder ? `${folder}/` : '';
  const names = Object.keys(FILES).filter((path) => path.startsWith(prefix) && path !== 'MLmodel');
  const children = new Set(names.map((path) => prefix + path.slice(prefix.length).split('/')[0]));
  return { files: [...children].map((path) => (FILES[path] ? { path, is_dir: false, file_size: FILES[path].body.length } : { path, is_dir: true })) };
}

function model(name: string, loop: Loop, models: RegisteredModel[]): MlflowModel | undefined {
  const found = models.find((one) => one.name === name);
  return found && { registered_model: { name, description: 'Chance that a flight is late.', creation_timestamp: loop.time, tags: [{ key: 'owner', value: 'ops' }] } };
}

function versions(filter: string, models: RegisteredModel[]): MlflowVersions {
  const name = /name='([^']*)'/.exec(filter)?.[1];
  const found = models.find((one) => one.name === name);
  return {
    model_versions: (found?.versions ?? []).map((version) => ({
      name: name ?? '',
      version: String(version.version),
      current_stage: version.stage,
      description: `Version ${version.version} of the story`,
      source: `runs:/${runId('1', version.version)}/model`,
      run_id: runId('1', version.version),
      creation_timestamp: version.created,
      tags: [],
    })),
  };
}
