import { useEffect } from 'react';
import { type ArtifactFile, type Artifacts as Listing, ask, type LoggedModels, quoted } from '../../api/mlflow';
import { usePoll, usePollQuery } from '../../api/poll';
import { setParams, useParam } from '../../app/router';
import { Card, Empty } from '../../components/Card';
import { bytes } from '../../components/format';
import { Icon } from '../../components/Icon';
import { Loaded } from '../../components/Page';
import { Preview } from './Preview';

const LOOK_MS = 8000;

/** A tree of files: the run's own, or those of a model that it logged. */
interface Root {
  id: string;
  title: string;
  list: (path: string) => string;
  file: (path: string) => string;
}

/** The files of a run and of its models as trees, and what is in the chosen one. */
export function Artifacts({ run, experiment }: { run: string; experiment: string }) {
  const [from] = useParam('from');
  const [path] = useParam('path');
  const logged = usePollQuery<LoggedModels>(ask.loggedModels, { experiment_ids: [experiment], filter: `source_run_id = ${quoted(run)}`, max_results: 50 }, LOOK_MS);
  const own: Root = { id: '', title: 'Files', list: (folder) => ask.artifacts(run, folder), file: (file) => ask.artifact(run, file) };
  const models = (logged.data?.models ?? []).map(({ info }): Root => ({ id: info.model_id, title: `Model ${info.name}`, list: (folder) => ask.modelArtifacts(info.model_id, folder), file: (file) => ask.modelArtifact(info.model_id, file) }));
  const root = [own, ...models].find((one) => one.id === (from ?? ''));
  return (
    <div className="artifacts">
      <div className="stack">
        {[own, ...models].map((one) => (
          <Tree key={one.id} root={one} chosen={one === root ? path : null} alone={models.length === 0} pick={one === own && path === null} />
        ))}
      </div>
      {path && root ? <Chosen key={`${root.id} ${path}`} path={path} address={root.file(path)} /> : <Empty title="Choose a file">Images, tables and texts are shown here.</Empty>}
    </div>
  );
}

interface TreeProps {
  root: Root;
  chosen: string | null;
  /** Whether there is no other tree. */
  alone: boolean;
  /** Whether its first file is to be shown, as none is chosen. */
  pick: boolean;
}

function Tree({ root, chosen, alone, pick }: TreeProps) {
  const [opened] = useParam(`folders${root.id}`);
  const open = new Set(opened?.split(',').filter(Boolean) ?? []);
  const listing = usePoll<Listing>(root.list(''), LOOK_MS);
  const first = listing.data?.files?.find((file) => !file.is_dir)?.path ?? null;
  useEffect(() => {
    if (pick && first !== null) setParams({ path: first });
  }, [pick, first]);
  const toggle = (folder: string) => {
    const next = new Set(open);
    if (!next.delete(folder)) next.add(folder);
    setParams({ [`folders${root.id}`]: [...next].join(',') });
  };
  return (
    <Loaded from={listing}>
      {({ files = [] }) => {
        if (files.length > 0) {
          return (
            <Card title={root.title}>
              <Level root={root} files={files} depth={0} open={open} chosen={chosen} onToggle={toggle} />
            </Card>
          );
        }
        return alone ? <Empty title="No file was logged">A script adds files with mlflow.log_artifact, log_figure or log_table.</Empty> : null;
      }}
    </Loaded>
  );
}

interface LevelProps {
  root: Root;
  files: ArtifactFile[];
  depth: number;
  open: ReadonlySet<string>;
  chosen: string | null;
  onToggle: (folder: string) => void;
}

function Level(props: LevelProps) {
  const sorted = props.files.toSorted((a, b) => Number(b.is_dir) - Number(a.is_dir) || a.path.localeCompare(b.path, 'en', { numeric: true }));
  return (
    <ul className="tree" style={{ '--depth': props.depth } as React.CSSProperties}>
      {sorted.map((file) => (
        <li key={file.path}>{file.is_dir ? <Folder {...props} path={file.path} /> : <File root={props.root} file={file} chosen={file.path === props.chosen} />}</li>
      ))}
    </ul>
  );
}

function Folder({ path, ...props }: LevelProps & { path: string }) {
  const open = props.open.has(path) || props.chosen?.startsWith(`${path}/`) === true;
  return (
    <>
      <button type="button" className="tree-row" aria-expanded={open} onClick={() => props.onToggle(path)} title={path}>
        <Icon name="chevron" size={11} />
        <span className="tree-name">{nameOf(path)}</span>
      </button>
      {open && <Inside {...props} path={path} />}
    </>
  );
}

function Inside({ path, ...props }: LevelProps & { path: string }) {
  const listing = usePoll<Listing>(props.root.list(path), LOOK_MS);
  return <Loaded from={listing}>{({ files = [] }) => <Level {...props} files={files} depth={props.depth + 1} />}</Loaded>;
}

function File({ root, file, chosen }: { root: Root; file: ArtifactFile; chosen: boolean }) {
  return (
    <button type="button" className="tree-row tree-file" aria-pressed={chosen} onClick={() => setParams({ from: root.id, path: file.path })} title={file.path}>
      <span className="tree-name">{nameOf(file.path)}</span>
      <span className="faint num">{bytes(file.file_size ?? 0)}</span>
    </button>
  );
}

function Chosen({ path, address }: { path: string; address: string }) {
  return (
    <Card
      title={nameOf(path)}
      className="artifact"
      aside={
        <a className="button" href={address} download>
          Download
        </a>
      }
    >
      <Preview path={path} address={address} />
    </Card>
  );
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
