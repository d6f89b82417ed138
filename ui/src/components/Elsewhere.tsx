import { Empty } from './Card';

/** What of another workspace than the default one only MLflow's clients are shown. */
export function Elsewhere({ workspace, what }: { workspace: string; what: string }) {
  return (
    <Empty title={`${what} lies in the workspace ${workspace}`}>
      MLflow's clients see it with <code>MLFLOW_WORKSPACE={workspace}</code>; these pages show the default workspace.
    </Empty>
  );
}

/** The workspace of a registered model, by the name that the whole server knows; null for the default one. */
export function workspaceOf(model: string): string | null {
  const [workspace, name] = model.split(':', 2);
  return name === undefined ? null : (workspace ?? null);
}
