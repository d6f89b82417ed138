/** The parts of the MLflow REST API that pages read. Lists that are empty are left out of answers. */

import type { Pair } from './tracking';

const BASE = '/ajax-api/2.0/mlflow';

export interface MlflowRun {
  run: {
    inputs?: {
      dataset_inputs?: {
        tags?: Pair[];
        dataset: { name: string; digest: string; source_type: string; source: string; schema?: string; profile?: string };
      }[];
      model_inputs?: { model_id: string }[];
    };
    outputs?: { model_outputs?: { model_id: string; step: number }[] };
  };
}

export interface LoggedModels {
  models?: { info: { model_id: string; name: string; status: string; model_type: string; artifact_uri: string } }[];
}

export interface ArtifactFile {
  path: string;
  is_dir: boolean;
  file_size?: number;
}

export interface Artifacts {
  root_uri?: string;
  files?: ArtifactFile[];
}

export interface MlflowVersion {
  name: string;
  version: string;
  current_stage: string;
  description: string;
  source: string;
  run_id: string;
  creation_timestamp: number;
  tags?: Pair[];
  aliases?: string[];
}

export interface MlflowVersions {
  model_versions?: MlflowVersion[];
}

export interface MlflowModel {
  registered_model: { name: string; description?: string; creation_timestamp: number; tags?: Pair[] };
}

export const ask = {
  run: (id: string) => `${BASE}/runs/get?run_id=${encodeURIComponent(id)}`,
  artifacts: (run: string, path: string) => `${BASE}/artifacts/list?run_id=${encodeURIComponent(run)}&path=${encodeURIComponent(path)}`,
  artifact: (run: string, path: string) => `/get-artifact?run_id=${encodeURIComponent(run)}&path=${encodeURIComponent(path)}`,
  modelArtifacts: (model: string, path: string) => `${BASE}/logged-models/${encodeURIComponent(model)}/artifacts/directories?artifact_directory_path=${encodeURIComponent(path)}`,
  modelArtifact: (model: string, path: string) => `${BASE}/logged-models/${encodeURIComponent(model)}/artifacts/files?artifact_file_path=${encodeURIComponent(path)}`,
  loggedModels: `${BASE}/logged-models/search`,
  model: (name: string) => `${BASE}/registered-models/get?name=${encodeURIComponent(name)}`,
  versions: (filter: string) => `${BASE}/model-versions/search?max_results=200&filter=${encodeURIComponent(filter)}`,
};

/** A text as the filter language quotes it. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
