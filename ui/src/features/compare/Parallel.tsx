import { type PointerEvent, useMemo, useRef, useState } from 'react';
import { navigate, setParams, useParam } from '../../app/router';
import { useTheme } from '../../charts/theme';
import { Empty } from '../../components/Card';
import { duration, tick } from '../../components/format';
import { useWidth } from '../../components/useWidth';
import { columnTitle } from '../../runs/cells';
import { type Column, differs, type Frame } from '../../runs/frame';
import { AxisPicker } from './AxisPicker';
import { placeable, type Scale, scaleOf } from './scale';

interface ParallelProps {
  frame: Frame;
  focus: string | null;
  onFocus: (id: string | null) => void;
}

type Brush = [low: number, high: number];

const HEIGHT = 330;
const TOP = 44;
const FOOT = 14;
const SIDE = 70;
/** Runs that are told apart by colour; more are coloured by the last axis. */
const COLOURED = 10;

/** Runs as lines across axes: inputs at the left, the outcome at the right. */
export function Parallel({ frame, focus, onFocus }: ParallelProps) {
  const box = useRef<HTMLDivElement>(null);
  const width = useWidth(box);
  const theme = useTheme();
  const [chosen] = useParam('axes');
  const [brushes, setBrushes] = useState<Record<string, Brush>>({});
  const choices = useMemo(() => placeable(frame), [frame]);
  const shown = useMemo(() => (chosen === null ? tellingAxes(choices) : chosen.split(',').flatMap((id) => frame.byId.get(id) ?? [])), [chosen, choices, frame]);
  const scales = useMemo(() => {
    const runs = frame.ids.map((_, run) => run);
    return shown.map((column) => scaleOf(column, runs, (value) => (column.sort === 'duration' ? duration(value) : tick(value))));
  }, [shown, frame]);
  const last = scales.at(-1);
  const x = (index: number) => (scales.length === 1 ? width / 2 : SIDE + (index * (width - 2 * SIDE)) / (scales.length - 1));
  const y = (place: number) => HEIGHT - FOOT - place * (HEIGHT - TOP - FOOT);
  const kept = (run: number) =>
    scales.every((scale) => {
      const brush = brushes[scale.column.id];
      const place = scale.place(run);
      return !brush || (place !== null && place >= brush[0] && place <= brush[1]);
    });
  const colour = (run: number) => {
    if (frame.count <= COLOURED) return theme.runs[run % theme.runs.length] ?? theme.accent;
    const place = last?.place(run) ?? null;
    return place === null ? theme.former : `color-mix(in oklab, ${theme.accent} ${Math.round(place * 100)}%, ${theme.runs[1]})`;
  };
  return (
    <>
      <AxisPicker choices={choices} chosen={shown} onChange={(ids) => setParams({ axes: ids.join(',') || ',' })} />
      <div ref={box} className="parallel">
        {scales.length < 2 ? (
          <Empty title="Choose at least two axes" />
        ) : (
          <svg width={width} height={HEIGHT} role="img" aria-label={`Parallel coordinates of ${frame.count} runs over ${shown.map(columnTitle).join(', ')}`}>
            {frame.ids.map((id, run) => {
              const path = course(scales.map((scale, index) => ({ left: x(index), place: scale.place(run) })), y);
              const isKept = kept(run);
              const faded = focus !== null && focus !== id;
              return (
                <path
                  key={id}
                  d={path}
                  className="parallel-line"
                  style={{ stroke: isKept ? colour(run) : theme.line, opacity: isKept ? (faded ? 0.12 : focus === id ? 1 : frame.count > 60 ? 0.45 : 0.85) : 0.7, strokeWidth: focus === id ? 3 : 1.6 }}
                  onPointerEnter={() => isKept && onFocus(id)}
                  onPointerLeave={() => onFocus(null)}
                  onClick={() => navigate(`/experiments/${frame.experiments[run]}/runs/${id}`)}
                >
                  <title>{frame.names[run]}</title>
                </path>
              );
            })}
            {scales.map((scale, index) => (
              <Axis
                key={scale.column.id}
                scale={scale}
                left={x(index)}
                y={y}
                room={scales.length === 1 ? width : (width - 2 * SIDE) / (scales.length - 1)}
                brush={brushes[scale.column.id] ?? null}
                onBrush={(brush) => setBrushes(({ [scale.column.id]: _, ...others }) => (brush ? { ...others, [scale.column.id]: brush } : others))}
              />
            ))}
          </svg>
        )}
      </div>
    </>
  );
}

/** What the runs were given and differ in, then what came out. */
function tellingAxes(choices: Column[]): Column[] {
  const params = choices.filter((column) => column.kind === 'params' && differs(column)).slice(0, 5);
  const metrics = choices.filter((column) => column.kind === 'metrics' && differs(column));
  const final = metrics.filter((column) => column.maxStep === 0);
  return [...params, ...(final.length > 0 ? final : metrics).slice(0, 3).toReversed()];
}

/** A smooth line through the axes; it breaks where a run has no value. */
function course(points: { left: number; place: number | null }[], y: (place: number) => number): string {
  let path = '';
  let before: { left: number; top: number } | null = null;
  for (const { left, place } of points) {
    if (place === null) {
      before = null;
      continue;
    }
    const top = y(place);
    const middle = before ? (before.left + left) / 2 : left;
    path += before ? `C${middle} ${before.top} ${middle} ${top} ${left} ${top}` : `M${left} ${top}`;
    before = { left, top };
  }
  return path;
}

interface AxisProps {
  scale: Scale;
  left: number;
  y: (place: number) => number;
  room: number;
  brush: Brush | null;
  onBrush: (brush: Brush | null) => void;
}

function Axis({ scale, left, y, room, brush, onBrush }: AxisProps) {
  const from = useRef<number | null>(null);
  const title = columnTitle(scale.column);
  const letters = Math.max(6, Math.floor(room / 7));
  const placeOf = (event: PointerEvent<SVGRectElement>) => {
    const top = event.clientY - (event.currentTarget.ownerSVGElement?.getBoundingClientRect().top ?? 0);
    return Math.min(1, Math.max(0, (y(0) - top) / (y(0) - y(1))));
  };
  const move = (event: PointerEvent<SVGRectElement>) => {
    if (from.current === null) return;
    const to = placeOf(event);
    onBrush(Math.abs(to - from.current) < 0.015 ? null : [Math.min(from.current, to), Math.max(from.current, to)]);
  };
  return (
    <g className="parallel-axis">
      <line x1={left} x2={left} y1={y(0)} y2={y(1)} />
      <text x={left} y={TOP - 24} className="parallel-title">
        {title.length > letters ? `${title.slice(0, letters - 1)}…` : title}
        <title>{scale.column.id}</title>
      </text>
      {scale.ticks.map((tick) => (
        <text key={tick.label} x={left + 7} y={y(tick.at) + 4} className="parallel-tick">
          {tick.label.length > 14 ? `${tick.label.slice(0, 13)}…` : tick.label}
        </text>
      ))}
      {brush && <rect className="parallel-brush" x={left - 7} width={14} y={y(brush[1])} height={y(brush[0]) - y(brush[1])} rx={4} />}
      <rect
        className="parallel-grip"
        x={left - 10}
        width={20}
        y={y(1) - 8}
        height={y(0) - y(1) + 16}
        onPointerDown={(event) => {
          event.currentTarget.setPointerCapture(event.pointerId);
          from.current = placeOf(event);
        }}
        onPointerMove={move}
        onPointerUp={(event) => {
          move(event);
          from.current = null;
        }}
      />
    </g>
  );
}
