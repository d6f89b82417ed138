import { useMemo, useRef } from 'react';
import { navigate, setParams, useParam } from '../../app/router';
import { useTheme } from '../../charts/theme';
import { Empty } from '../../components/Card';
import { duration, tick } from '../../components/format';
import { useWidth } from '../../components/useWidth';
import { columnTitle, shown } from '../../runs/cells';
import { type Column, differs, type Frame } from '../../runs/frame';
import { ColumnOptions } from './AxisPicker';
import { placeable, scaleOf } from './scale';

interface ScatterProps {
  frame: Frame;
  focus: string | null;
  onFocus: (id: string | null) => void;
}

const HEIGHT = 340;
const ROOM = { left: 76, right: 20, top: 12, foot: 44 };
const COLOURED = 10;

/** Two columns against each other. */
export function Scatter({ frame, focus, onFocus }: ScatterProps) {
  const box = useRef<HTMLDivElement>(null);
  const width = useWidth(box);
  const theme = useTheme();
  const [xId] = useParam('sx');
  const [yId] = useParam('sy');
  const choices = useMemo(() => placeable(frame), [frame]);
  const [firstX, firstY] = useMemo(() => first(choices), [choices]);
  const xColumn = (xId && frame.byId.get(xId)) || firstX;
  const yColumn = (yId && frame.byId.get(yId)) || firstY;
  const [x, y] = useMemo(() => {
    const runs = frame.ids.map((_, run) => run);
    const scale = (column: Column | undefined) => (column ? scaleOf(column, runs, (value) => (column.sort === 'duration' ? duration(value) : tick(value))) : null);
    return [scale(xColumn), scale(yColumn)];
  }, [frame, xColumn, yColumn]);
  if (!x || !y) return <Empty title="There is nothing to place runs by" />;
  const across = (place: number) => ROOM.left + 8 + place * (width - ROOM.left - ROOM.right - 16);
  const up = (place: number) => HEIGHT - ROOM.foot - 8 - place * (HEIGHT - ROOM.top - ROOM.foot - 16);
  const pointed = focus === null ? -1 : frame.ids.indexOf(focus);
  return (
    <>
      <div className="filters scatter-tools">
        <Choice label="across" column={x.column} choices={choices} onChange={(id) => setParams({ sx: id })} />
        <Choice label="up" column={y.column} choices={choices} onChange={(id) => setParams({ sy: id })} />
        <span className="scatter-said" role="status">
          {pointed >= 0 && (
            <>
              <strong>{frame.names[pointed]}</strong> {columnTitle(x.column)} {shown(x.column, x.column.cells[pointed] ?? null, 0) || '–'}, {columnTitle(y.column)} {shown(y.column, y.column.cells[pointed] ?? null, 0) || '–'}
            </>
          )}
        </span>
      </div>
      <div ref={box} className="scatter">
        <svg width={width} height={HEIGHT} role="img" aria-label={`${columnTitle(y.column)} against ${columnTitle(x.column)} of ${frame.count} runs`}>
          {y.ticks.map((tick) => (
            <g key={tick.label} className="scatter-tick">
              <line x1={ROOM.left} x2={width - ROOM.right} y1={up(tick.at)} y2={up(tick.at)} />
              <text x={ROOM.left - 8} y={up(tick.at) + 4} textAnchor="end">
                {tick.label.slice(0, 11)}
              </text>
            </g>
          ))}
          {x.ticks.map((tick) => (
            <text key={tick.label} className="scatter-tick" x={across(tick.at)} y={HEIGHT - ROOM.foot + 16} textAnchor="middle">
              {tick.label.slice(0, 16)}
            </text>
          ))}
          <text className="scatter-title" x={(ROOM.left + width - ROOM.right) / 2} y={HEIGHT - 6} textAnchor="middle">
            {columnTitle(x.column)}
          </text>
          {frame.ids.map((id, run) => {
            const [left, top] = [x.place(run), y.place(run)];
            if (left === null || top === null) return null;
            return (
              <circle
                key={id}
                cx={across(left)}
                cy={up(top)}
                r={focus === id ? 8 : 5.5}
                style={{ fill: frame.count <= COLOURED ? theme.runs[run % theme.runs.length] : theme.accent, opacity: focus !== null && focus !== id ? 0.25 : frame.count > 60 ? 0.6 : 0.9 }}
                onPointerEnter={() => onFocus(id)}
                onPointerLeave={() => onFocus(null)}
                onClick={() => navigate(`/experiments/${frame.experiments[run]}/runs/${id}`)}
              >
                <title>{frame.names[run]}</title>
              </circle>
            );
          })}
        </svg>
      </div>
    </>
  );
}

/** An input that differs, against an outcome that does. */
function first(choices: Column[]): [Column | undefined, Column | undefined] {
  const metrics = choices.filter((column) => column.kind === 'metrics' && differs(column));
  const param = choices.find((column) => column.kind === 'params' && column.sort === 'number' && differs(column));
  const up = metrics.find((column) => column.maxStep === 0) ?? metrics[0] ?? choices[0];
  return [param ?? metrics.find((column) => column !== up) ?? choices[0], up];
}

function Choice({ label, column, choices, onChange }: { label: string; column: Column; choices: Column[]; onChange: (id: string) => void }) {
  return (
    <label className="choice">
      {label}
      <select aria-label={`Axis ${label}`} value={column.id} onChange={(event) => onChange(event.target.value)}>
        <ColumnOptions columns={choices} />
      </select>
    </label>
  );
}
