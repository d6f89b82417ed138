import { type KeyboardEvent, useEffect, useId, useRef, useState } from 'react';
import type { Column } from '../../runs/frame';
import { suggest, type Suggestions } from './suggest';

interface FilterBoxProps {
  value: string;
  columns: Column[];
  onChange: (filter: string) => void;
}

const NONE: Suggestions = { from: 0, names: [] };

/** A filter in MLflow's language. It holds with Enter; names are completed while one writes. */
export function FilterBox({ value, columns, onChange }: FilterBoxProps) {
  const [text, setText] = useState(value);
  const [offer, setOffer] = useState(NONE);
  const [chosen, setChosen] = useState(-1);
  const input = useRef<HTMLInputElement>(null);
  const id = useId();
  useEffect(() => setText(value), [value]);

  const close = () => (setOffer(NONE), setChosen(-1));
  const look = () => {
    const element = input.current;
    if (element) setOffer(suggest(element.value, element.selectionStart ?? element.value.length, columns));
    setChosen(-1);
  };
  const take = (name: string) => {
    const element = input.current;
    if (!element) return;
    const after = text.slice(element.selectionStart ?? text.length);
    const before = `${text.slice(0, offer.from)}${name} `;
    setText(before + after.trimStart());
    close();
    requestAnimationFrame(() => (element.focus(), element.setSelectionRange(before.length, before.length)));
  };
  const keys = (event: KeyboardEvent) => {
    const { names } = offer;
    const picked = names[chosen];
    if (event.key === 'Escape') close();
    else if (event.key === 'ArrowDown' && names.length > 0) setChosen((chosen + 1) % names.length);
    else if (event.key === 'ArrowUp' && names.length > 0) setChosen((chosen + names.length) % (names.length + 1) - 1);
    else if ((event.key === 'Enter' || event.key === 'Tab') && picked !== undefined) take(picked);
    else if (event.key === 'Enter') (close(), onChange(text.trim()));
    else return;
    if (event.key !== 'Tab' || picked !== undefined) event.preventDefault();
  };

  return (
    <div className="filter-box">
      <input
        ref={input}
        type="search"
        role="combobox"
        aria-label="Filter runs"
        aria-expanded={offer.names.length > 0}
        aria-controls={id}
        aria-activedescendant={chosen >= 0 ? `${id}-${chosen}` : undefined}
        autoComplete="off"
        spellCheck={false}
        placeholder={'Filter: metrics.auc > 0.8 AND params.model = \'gbm\''}
        value={text}
        onChange={(event) => {
          setText(event.target.value);
          if (event.target.value === '') onChange('');
          look();
        }}
        onFocus={look}
        onClick={look}
        onKeyDown={keys}
        onBlur={close}
      />
      {text.trim() !== value && (
        <button type="button" className="button solid" onMouseDown={(event) => event.preventDefault()} onClick={() => (close(), onChange(text.trim()))}>
          Filter
        </button>
      )}
      {offer.names.length > 0 && (
        <ul className="offer" id={id} role="listbox" aria-label="Names">
          {offer.names.map((name, index) => (
            <li key={name} id={`${id}-${index}`} role="option" aria-selected={index === chosen} onMouseDown={(event) => (event.preventDefault(), take(name))}>
              {name}
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}
