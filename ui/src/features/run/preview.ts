/** What can be shown of a file, judged by its name. */
export type Look = 'image' | 'csv' | 'tsv' | 'json' | 'text' | 'none';

const LOOKS: Record<string, Look> = {
  csv: 'csv',
  tsv: 'tsv',
  json: 'json',
  ...Object.fromEntries(['png', 'jpg', 'jpeg', 'gif', 'webp', 'svg', 'bmp', 'ico'].map((name) => [name, 'image'] as const)),
  ...Object.fromEntries(
    ['txt', 'log', 'md', 'rst', 'yaml', 'yml', 'toml', 'ini', 'cfg', 'py', 'sh', 'sql', 'xml', 'html', 'htm', 'css', 'js', 'ts', 'r', 'ipynb', 'jsonl', 'out', 'err', 'geojson'].map((name) => [name, 'text'] as const),
  ),
};
const NOTES = new Set(['MLmodel', 'MLproject', 'Dockerfile', 'Makefile', 'README', 'LICENSE', '.gitignore']);

export function lookOf(path: string): Look {
  const name = path.slice(path.lastIndexOf('/') + 1);
  if (NOTES.has(name)) return 'text';
  const dot = name.lastIndexOf('.');
  return dot < 0 ? 'none' : (LOOKS[name.slice(dot + 1).toLowerCase()] ?? 'none');
}

export interface Table {
  columns: string[];
  rows: string[][];
  /** Whether the file has more rows than these. */
  more: boolean;
}

export const MAX_ROWS = 200;

/** The first rows of separated values, quotes as RFC 4180 has them. */
export function readSeparated(text: string, separator: string, whole: boolean): Table {
  const rows: string[][] = [];
  let row: string[] = [];
  let field = '';
  let quoted = false;
  let at = 0;
  const endField = () => (row.push(field), (field = ''));
  const endRow = () => (endField(), rows.push(row), (row = []));
  for (; at < text.length && rows.length <= MAX_ROWS; at += 1) {
    const character = text[at] ?? '';
    if (quoted) {
      if (character !== '"') field += character;
      else if (text[at + 1] === '"') ((field += '"'), (at += 1));
      else quoted = false;
    } else if (character === '"' && field === '') quoted = true;
    else if (character === separator) endField();
    else if (character === '\n') endRow();
    else if (character !== '\r') field += character;
  }
  // The last line of a cut file may be cut itself.
  if (at >= text.length && whole && (field !== '' || row.length > 0)) endRow();
  const [columns = [], ...body] = rows;
  return { columns, rows: body.slice(0, MAX_ROWS), more: !whole || at < text.length };
}

/** A JSON file that holds a table: split as `mlflow.log_table` writes it, or a list of objects. */
export function tableOf(value: unknown): Table | null {
  const text = (cell: unknown) => (typeof cell === 'string' ? cell : cell === null || cell === undefined ? '' : JSON.stringify(cell));
  if (isRecord(value) && Array.isArray(value.columns) && Array.isArray(value.data)) {
    const data = value.data.filter(Array.isArray) as unknown[][];
    return { columns: value.columns.map(text), rows: data.slice(0, MAX_ROWS).map((row) => row.map(text)), more: data.length > MAX_ROWS };
  }
  if (Array.isArray(value) && value.length > 0 && value.every(isRecord)) {
    const records = value as Record<string, unknown>[];
    const columns = [...new Set(records.slice(0, MAX_ROWS).flatMap((record) => Object.keys(record)))];
    return { columns, rows: records.slice(0, MAX_ROWS).map((record) => columns.map((column) => text(record[column]))), more: records.length > MAX_ROWS };
  }
  return null;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
