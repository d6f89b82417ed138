import { columnTitle } from '../../runs/cells';
import { type Column, KIND_WORDS, KINDS } from '../../runs/frame';

interface AxisPickerProps {
  choices: Column[];
  chosen: Column[];
  onChange: (ids: string[]) => void;
}

/** The axes in their order: each can be left out, another be added at the end. */
export function AxisPicker({ choices, chosen, onChange }: AxisPickerProps) {
  const ids = chosen.map((column) => column.id);
  return (
    <div className="filters axis-picker">
      {chosen.map((column) => (
        <button key={column.id} type="button" className="chip" aria-pressed="true" onClick={() => onChange(ids.filter((id) => id !== column.id))} title={`${column.id}: leave it out`}>
          {columnTitle(column)} ×
        </button>
      ))}
      <label className="choice">
        <span className="sr-only">Add an axis</span>
        <select value="" onChange={(event) => onChange([...ids, event.target.value])}>
          <option value="">add an axis…</option>
          <ColumnOptions columns={choices.filter((column) => !ids.includes(column.id))} />
        </select>
      </label>
    </div>
  );
}

/** Columns by their kind, as the options of a choice. */
export function ColumnOptions({ columns }: { columns: Column[] }) {
  return KINDS.map((kind) => {
    const own = columns.filter((column) => column.kind === kind);
    return own.length === 0 ? null : (
      <optgroup key={kind} label={KIND_WORDS[kind].many}>
        {own.map((column) => (
          <option key={column.id} value={column.id}>
            {columnTitle(column)}
          </option>
        ))}
      </optgroup>
    );
  });
}
