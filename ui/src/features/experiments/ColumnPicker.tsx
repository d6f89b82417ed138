import { useEffect, useRef, useState } from 'react';
import { columnTitle } from '../../runs/cells';
import { type Column, type Frame, isOwnTag, isSystem, KIND_WORDS, KINDS } from '../../runs/frame';

interface ColumnPickerProps {
  frame: Frame;
  chosen: string[];
  /** null goes back to the columns that are chosen by themselves. */
  onChange: (columns: string[] | null) => void;
}

/** Which columns the table has. Bookkeeping tags and system metrics stand last. */
export function ColumnPicker({ frame, chosen, onChange }: ColumnPickerProps) {
  const [text, setText] = useState('');
  const details = useRef<HTMLDetailsElement>(null);
  useEffect(() => {
    const outside = (event: MouseEvent) => {
      const element = details.current;
      if (element?.open && event.target instanceof Node && !element.contains(event.target)) element.open = false;
    };
    addEventListener('mousedown', outside);
    return () => removeEventListener('mousedown', outside);
  }, []);
  const toggle = (id: string) => onChange(chosen.includes(id) ? chosen.filter((one) => one !== id) : [...chosen, id]);
  const wanted = text.toLowerCase();
  const known = frame.columns.filter((column) => column.id.toLowerCase().includes(wanted) || columnTitle(column).includes(wanted));
  const late = (column: Column) => isSystem(column) || isOwnTag(column);
  const groups = KINDS.map((kind) => ({ kind, columns: known.filter((column) => column.kind === kind).toSorted((a, b) => Number(late(a)) - Number(late(b))) }));
  return (
    <details className="picker" ref={details} onKeyDown={(event) => event.key === 'Escape' && details.current && (details.current.open = false)}>
      <summary className="button">Columns</summary>
      <div className="picker-body">
        <div className="picker-head">
          <input type="search" aria-label="Search columns" placeholder="Search…" value={text} onChange={(event) => setText(event.target.value)} />
          <button type="button" className="link" onClick={() => onChange(null)}>
            Reset
          </button>
        </div>
        {groups.map(({ kind, columns }) =>
          columns.length === 0 ? null : (
            <fieldset key={kind}>
              <legend>{KIND_WORDS[kind].many}</legend>
              {columns.map((column) => (
                <label key={column.id} title={column.key}>
                  <input type="checkbox" checked={chosen.includes(column.id)} onChange={() => toggle(column.id)} />
                  <span>{columnTitle(column)}</span>
                </label>
              ))}
            </fieldset>
          ),
        )}
        {known.length === 0 && <p className="faint">No column has this name.</p>}
      </div>
    </details>
  );
}
