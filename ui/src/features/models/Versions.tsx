import type { MlflowVersion } from '../../api/mlflow';
import type { ModelVersion, RegisteredModel } from '../../api/types';
import { Link } from '../../app/router';
import { Badge } from '../../components/Badge';
import { actor, fixed, measured } from '../../components/format';
import { METRICS, valueOf } from '../../components/metrics';
import { Ago } from '../../components/Time';
import { StageBadge } from './StageBadge';

/** Which version answers. */
export function Serving({ model }: { model: RegisteredModel }) {
  if (model.serving === null) return <Badge tone="quiet">not serving</Badge>;
  return (
    <Badge tone={model.ready ? 'good' : 'warn'} icon={model.ready ? 'ok' : 'clock'}>
      v{model.serving} {model.ready ? 'answers' : 'is starting'}
      {model.on_trial !== null && `, v${model.on_trial} on trial with ${model.weight} %`}
    </Badge>
  );
}

interface VersionsProps {
  model: RegisteredModel;
  /** Versions with what people wrote about them, where that is shown. */
  described?: MlflowVersion[];
  atMost?: number;
}

/** A model's versions, the newest first, with the metrics that tell them apart. */
export function Versions({ model, described = [], atMost = Infinity }: VersionsProps) {
  const columns = columnsOf(model.versions);
  const hasTags = described.some((one) => (one.tags?.length ?? 0) > 0 || one.description !== '');
  return (
    <div className="table-scroll">
      <table className="list">
        <thead>
          <tr>
            <th scope="col">Version</th>
            <th scope="col">Stage</th>
            {columns.map((column) => (
              <th scope="col" key={column.label} title={column.title} className="right">
                {column.label}
              </th>
            ))}
            {hasTags && <th scope="col">Description and tags</th>}
            <th scope="col">Registered</th>
            <th scope="col">By</th>
            <th scope="col">Training run</th>
            <th scope="col">
              <span className="sr-only">Lineage</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {model.versions.slice(0, atMost).map((version) => (
            <VersionRow key={version.version} model={model} version={version} columns={columns} described={hasTags ? described.find((one) => one.version === String(version.version)) : undefined} hasTags={hasTags} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

interface MetricColumn {
  label: string;
  title: string;
  of: (version: ModelVersion) => string;
}

const SHOWN = 3;

/** The metrics that the loop knows by name; for a model that has none of them, its own first ones. */
function columnsOf(versions: ModelVersion[]): MetricColumn[] {
  const known = METRICS.filter((metric) => versions.some((version) => valueOf(metric, version.metrics) !== null));
  if (known.length > 0) return known.map((metric) => ({ label: metric.label, title: metric.title, of: (version) => fixed(valueOf(metric, version.metrics)) }));
  const keys = [...new Set(versions.flatMap((version) => Object.keys(version.metrics)))].filter((key) => !key.startsWith('system/'));
  return keys.slice(0, SHOWN).map((key) => ({ label: key, title: key, of: ({ metrics }) => (typeof metrics[key] === 'number' ? measured(metrics[key]) : '–') }));
}

interface VersionRowProps {
  model: RegisteredModel;
  version: ModelVersion;
  columns: MetricColumn[];
  described: MlflowVersion | undefined;
  hasTags: boolean;
}

function VersionRow({ model, version, columns, described, hasTags }: VersionRowProps) {
  const href = `/models/${encodeURIComponent(model.name)}/${version.version}`;
  return (
    <tr>
      <td>
        <Link href={href} className="strong">
          v{version.version}
        </Link>
        {version.version === model.serving && <Badge tone="active">champion</Badge>}
        {version.version === model.on_trial && <Badge tone="active">{model.weight} %</Badge>}
        {version.aliases.length > 0 && <span className="under">@{version.aliases.join(' @')}</span>}
      </td>
      <td>{version.stage === 'None' ? <span className="faint">none</span> : <StageBadge stage={version.stage} />}</td>
      {columns.map((column) => (
        <td key={column.label} className="num right">
          {column.of(version)}
        </td>
      ))}
      {hasTags && (
        <td className="wide">
          {described?.description}
          {described?.tags && described.tags.length > 0 && (
            <span className="version-tags">
              {described.tags.map((tag) => (
                <code key={tag.key}>
                  {tag.key}: {tag.value}
                </code>
              ))}
            </span>
          )}
        </td>
      )}
      <td className="nowrap">
        <Ago time={version.created} />
      </td>
      <td>{actor(version.created_by)}</td>
      <td className="mono" title={version.run_id ?? undefined}>
        {version.run_id ? <Link href={`/experiments/runs/${version.run_id}`}>…{version.run_id.slice(-8)}</Link> : '–'}
      </td>
      <td>
        <Link href={`${href}/why`}>why?</Link>
      </td>
    </tr>
  );
}
