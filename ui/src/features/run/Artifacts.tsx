import { useEffect } from 'react';
import { type ArtifactFile, type Artifacts as Listing, ask } from '../../api/mlflow';
import { usePoll } from '../../api/poll';
import { setParams, useParam } from '../../app/router';
import { Card, Empty } from '../../components/Card';
import { bytes } from '../../components/format';
import { Icon } from '../../components/Icon';
import { Loaded } from '../../components/Page';
import { Preview } from './Preview';

const LOOK_MS = 8000;

/** The files of a run as a tree, and what is in the chosen one. */
export function Artifacts({ run }: { run: string }) {
  const [path] = useParam('path');
  const [opened] = useParam('folders');
  const open = new Set(opened?.split(',').filter(Boolean) ?? []);
  const root = usePoll<Listing>(ask.artifacts(run, ''), LOOK_MS);
  const toggle = (folder: string) => {
    const next = new Set(open);
    if (!next.delete(folder)) next.add(folder);
    setParams({ folders: [...next].join(',') });
  };
  return (
    <Loaded from={root}>
      {({ files = [] }) =>
        files.length === 0 ? (
          <Empty title="No file was logged">A script adds files with mlflow.log_artifact, log_figure or log_table.</Empty>
        ) : (
          <div className="artifacts">
            <Card title="Files">
              <Level run={run} files={files} depth={0} open={open} chosen={path} onToggle={toggle} />
            </Card>
            {path ? <Chosen key={path} run={run} path={path} /> : <First files={files} />}
          </div>
        )
      }
    </Loaded>
  );
}

/** Nothing is chosen yet: the first file is. */
function First({ files }: { files: ArtifactFile[] }) {
  const first = files.find((file) => !file.is_dir)?.path ?? null;
  useEffect(() => {
    if (first !== null) setParams({ path: first });
  }, [first]);
  return first === null ? <Empty title="Choose a file">Images, tables and texts are shown here.</Empty> : null;
}

interface LevelProps {
  run: string;
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
        <li key={file.path}>{file.is_dir ? <Folder {...props} path={file.path} /> : <File file={file} chosen={file.path === props.chosen} />}</li>
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
  const listing = usePoll<Listing>(ask.artifacts(props.run, path), LOOK_MS);
  return <Loaded from={listing}>{({ files = [] }) => <Level {...props} files={files} depth={props.depth + 1} />}</Loaded>;
}

function File({ file, chosen }: { file: ArtifactFile; chosen: boolean }) {
  return (
    <button type="button" className="tree-row tree-file" aria-pressed={chosen} onClick={() => setParams({ path: file.path })} title={file.path}>
      <span className="tree-name">{nameOf(file.path)}</span>
      <span className="faint num">{bytes(file.file_size ?? 0)}</span>
    </button>
  );
}

function Chosen({ run, path }: { run: string; path: string }) {
  const address = ask.artifact(run, path);
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
