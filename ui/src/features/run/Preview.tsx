import { useEffect, useState } from 'react';
import { getStart, Refused } from '../../api/client';
import { Empty } from '../../components/Card';
import { plural } from '../../components/format';
import { RefusedNote } from '../../components/Page';
import { lookOf, readSeparated, type Table, tableOf } from './preview';

/** How much of a text is loaded to be shown. */
const START = 1 << 20;
const SHOWN_TEXT = 200_000;

type Start = { text: string; whole: boolean };

/** What is in a file. Markup is shown as text: what somebody logged must not act in this page. */
export function Preview({ path, address }: { path: string; address: string }) {
  const look = lookOf(path);
  if (look === 'none') return <Empty title="This kind of file is not shown">It can be downloaded.</Empty>;
  if (look === 'image') return <Picture path={path} address={address} />;
  return (
    <StartOf address={address}>
      {({ text, whole }) => {
        if (look === 'csv' || look === 'tsv') return <TableView table={readSeparated(text, look === 'csv' ? ',' : '\t', whole)} />;
        const value = look === 'json' && whole ? parsed(text) : undefined;
        const table = value === undefined ? null : tableOf(value);
        if (table) return <TableView table={table} />;
        return <TextView text={value === undefined ? text : JSON.stringify(value, null, 2)} whole={whole} />;
      }}
    </StartOf>
  );
}

function Picture({ path, address }: { path: string; address: string }) {
  const [broken, setBroken] = useState(false);
  if (broken) return <Empty title="The picture cannot be shown">It can be downloaded.</Empty>;
  return (
    <a href={address} className="picture" title="Download">
      <img src={address} alt={path} onError={() => setBroken(true)} />
    </a>
  );
}

function StartOf({ address, children }: { address: string; children: (start: Start) => React.ReactNode }) {
  const [start, setStart] = useState<Start | null>(null);
  const [refused, setRefused] = useState<Refused | null>(null);
  useEffect(() => {
    const stop = new AbortController();
    getStart(address, START, stop.signal)
      .then(setStart)
      .catch((error: unknown) => {
        if (!stop.signal.aborted) setRefused(error instanceof Refused ? error : new Refused(0, 'the file could not be loaded', null));
      });
    return () => stop.abort();
  }, [address]);
  if (refused) return <RefusedNote refused={refused} />;
  return start ? children(start) : <p className="loading">Loading…</p>;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function TableView({ table }: { table: Table }) {
  return (
    <>
      <p className="count">
        {table.more ? `the first ${plural(table.rows.length, 'row')}` : plural(table.rows.length, 'row')}, {plural(table.columns.length, 'column')}
      </p>
      <div className="file-table">
        <table className="sample">
          <thead>
            <tr>
              {table.columns.map((column, index) => (
                <th scope="col" key={`${column} ${index}`}>
                  {column}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {table.rows.map((row, index) => (
              <tr key={index}>
                {row.map((cell, place) => (
                  <td key={place}>{cell}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}

function TextView({ text, whole }: Start) {
  const cut = text.length > SHOWN_TEXT;
  return (
    <>
      {(cut || !whole) && <p className="count">the beginning of a longer file</p>}
      <pre className="log file-text" tabIndex={0}>
        {text.slice(0, SHOWN_TEXT) || 'The file is empty.'}
      </pre>
    </>
  );
}
