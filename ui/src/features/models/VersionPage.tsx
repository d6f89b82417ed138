import { useMemo } from 'react';
import { ask, type MlflowVersion, type MlflowVersions, quoted } from '../../api/mlflow';
import { usePoll } from '../../api/poll';
import type { RegisteredModel } from '../../api/types';
import { Link, setParams, useParam } from '../../app/router';
import { Badge } from '../../components/Badge';
import { Card, Empty } from '../../components/Card';
import { Elsewhere, workspaceOf } from '../../components/Elsewhere';
import { Loaded, Page } from '../../components/Page';
import { SideBySide } from './SideBySide';
import { StageBadge } from './StageBadge';
import '../../runs/runs.css';
import './models.css';

const ASK_MS = 5000;

export default function VersionPage({ params }: { params: Record<string, string> }) {
  const model = params.model ?? '';
  const version = params.version ?? '';
  const workspace = workspaceOf(model);
  if (workspace === null) return <OfModel model={model} version={version} />;
  return (
    <Page title={`${model} v${version}`} crumbs={[{ href: '/models', title: 'Models' }]}>
      <Elsewhere workspace={workspace} what="The version" />
    </Page>
  );
}

function OfModel({ model, version }: { model: string; version: string }) {
  const models = usePoll<{ models: RegisteredModel[] }>('/api/v1/models', ASK_MS);
  const versions = usePoll<MlflowVersions>(ask.versions(`name=${quoted(model)}`), ASK_MS);
  const own = versions.data?.model_versions?.find((one) => one.version === version);
  const registered = models.data?.models.find((one) => one.name === model);
  const serving = registered?.serving ?? null;
  const aliases = registered?.versions.find((one) => String(one.version) === version)?.aliases ?? [];
  const champion = registered?.versions.find((one) => one.version === serving) ?? registered?.versions.find((one) => one.aliases.includes('champion')) ?? registered?.versions.find((one) => one.stage === 'Production');
  const crumbs = [
    { href: '/models', title: 'Models' },
    { href: `/models/${encodeURIComponent(model)}`, title: model },
  ];
  return (
    <Page
      title={`${model} v${version}`}
      crumbs={crumbs}
      lead={own?.description}
      aside={
        own && (
          <>
            <StageBadge stage={own.current_stage} />
            {aliases.map((alias) => (
              <Badge key={alias} tone="quiet">
                @{alias}
              </Badge>
            ))}
            {String(serving) === version && (
              <Badge tone="good" icon="ok">
                answers
              </Badge>
            )}
            <Link className="button version-why" href={`/models/${encodeURIComponent(model)}/${encodeURIComponent(version)}/why`}>
              Why is it there?
            </Link>
          </>
        )
      }
    >
      <Loaded from={versions}>{({ model_versions = [] }) => (own ? <Version own={own} all={model_versions} champion={champion ? String(champion.version) : null} /> : <Empty title={`There is no version ${version} of ${model}`} />)}</Loaded>
    </Page>
  );
}

function Version({ own, all, champion: best }: { own: MlflowVersion; all: MlflowVersion[]; champion: string | null }) {
  const [wanted] = useParam('with');
  const others = useMemo(() => all.filter((one) => one.version !== own.version).toSorted((a, b) => Number(b.version) - Number(a.version)), [all, own.version]);
  const champion = others.find((one) => one.version === best);
  const other = others.find((one) => one.version === wanted) ?? champion ?? others.find((one) => Number(one.version) < Number(own.version)) ?? others[0];
  const isChampion = other !== undefined && other === champion;
  return (
    <>
      <SideBySide
        own={own}
        other={other ?? null}
        otherWord={isChampion ? 'the champion' : 'another version'}
        choice={
          other && (
            <label className="choice">
              Compare with
              <select value={other.version} onChange={(event) => setParams({ with: event.target.value })}>
                {others.map((one) => (
                  <option key={one.version} value={one.version}>
                    v{one.version}
                    {one === champion ? ' (champion)' : ''}
                  </option>
                ))}
              </select>
            </label>
          )
        }
      />
      {own.tags && own.tags.length > 0 && (
        <Card title="Tags">
          <dl className="facts">
            {own.tags.map((tag) => (
              <div key={tag.key}>
                <dt>{tag.key}</dt>
                <dd>{tag.value}</dd>
              </div>
            ))}
          </dl>
        </Card>
      )}
      <p className="faint source">
        Files: <code>{own.source}</code>
      </p>
    </>
  );
}
