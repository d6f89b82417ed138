import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'react';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { duration, measured, tick } from '../components/format';
import { colourOf, drawLines, type Drawing } from './drawLines';
import { type ChartLine, type Hit, hits, type Range, smoothed, xRange, yRange } from './lines';
import { useTheme } from './theme';

/** What lines are placed by: the step, or the milliseconds since the run began. */
export type LineAxis = 'step' | 'time';

interface LineChartProps {
  /** What it shows, for readers who do not see it. */
  summary: string;
  lines: ChartLine[];
  axis: LineAxis;
  /** 0 to 1: how much noise is calmed. */
  smoothing: number;
  log: boolean;
  /** Whether the highest and lowest values set the range. */
  outliers: boolean;
  focus: string | null;
  height?: number;
}

interface Pointed {
  at: number;
  left: number;
  flip: boolean;
  hits: Hit[];
  nearest: string | null;
}

const SHOWN = 10;
const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
/** Steps of a time axis that people count in. */
const TIMES = [1, 5, 10, 50, 100, 500, ...[1, 2, 5, 10, 30].map((n) => n * SECOND), ...[1, 2, 5, 10, 30].map((n) => n * MINUTE), ...[1, 2, 4, 8, 24, 48, 96, 240].map((n) => n * HOUR)];

/** The course of one metric in several runs. Dragging looks closer, a double click looks at all again. */
export function LineChart({ summary, lines, axis, smoothing, log, outliers, focus, height = 210 }: LineChartProps) {
  const theme = useTheme();
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const [pointed, setPointed] = useState<Pointed | null>(null);
  const calm = useMemo(() => lines.map((line) => ({ ...line, y: smoothed(line.y, smoothing) })), [lines, smoothing]);
  const drawing = useRef<Drawing & { outliers: boolean }>({ lines, calm, smoothing: smoothing > 0, focus, outliers });
  useLayoutEffect(() => {
    drawing.current = { lines, calm, smoothing: smoothing > 0, focus, outliers };
  }, [lines, calm, smoothing, focus, outliers]);

  useEffect(() => {
    const element = box.current;
    if (!element) return;
    let view: Range = [0, 1];
    const common = { stroke: theme.muted, font: theme.font, ticks: { show: false }, border: { show: false }, gap: 6 };
    const options: uPlot.Options = {
      width: element.clientWidth,
      height,
      padding: [8, 12, 0, 0],
      legend: { show: false },
      cursor: { y: false, points: { show: false }, drag: { x: true, y: false, dist: 6 } },
      scales: {
        x: { time: false, range: (_, low, high) => (view = low === high ? xRange(drawing.current.lines) : [low, high]) },
        y: { distr: log ? 3 : 1, range: () => yRange(drawing.current.lines, view, { log, outliers: drawing.current.outliers }) },
      },
      axes: [
        { ...common, grid: { show: false }, space: 66, size: 24, ...(axis === 'time' ? { incrs: TIMES } : {}), values: (_, splits) => splits.map((at) => position(axis, at)) },
        { ...common, grid: { stroke: theme.line, width: 1 }, space: 34, size: 58, values: (_, splits) => splits.map((value) => (value === null ? '' : tick(value))) },
      ],
      series: [{}, { show: true, points: { show: false } }],
      hooks: {
        draw: [(u) => drawLines(u, drawing.current, theme)],
        setCursor: [(u) => setPointed(point(u, drawing.current.calm))],
      },
    };
    const made = new uPlot(options, frameOf(drawing.current.lines), element);
    plot.current = made;
    const sizes = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height }));
    sizes.observe(element);
    return () => {
      sizes.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [theme, axis, log, height]);

  // New points move the range; a change of looks only draws again.
  useEffect(() => plot.current?.setData(frameOf(lines)), [lines]);
  useEffect(() => plot.current?.redraw(true, true), [calm, focus, outliers]);

  return (
    <div className="chart" role="img" aria-label={summary} onPointerLeave={() => setPointed(null)}>
      <div ref={box} style={{ height }} />
      {pointed && pointed.hits.length > 0 && (
        <div className={`tooltip line-tooltip ${pointed.flip ? 'flip' : ''}`} style={{ left: pointed.left }}>
          <p className="tooltip-title">{axis === 'step' ? `step ${position('step', pointed.at)}` : `after ${position('time', pointed.at)}`}</p>
          <ul>
            {around(pointed).map(({ line, index }) => (
              <li key={line.id} className={line.id === pointed.nearest ? 'near' : undefined}>
                <span className="swatch" style={{ background: colourOf(line, theme) }} />
                <span className="tooltip-name">{line.label}</span>
                <span className="num">{measured(line.y[index] ?? Number.NaN)}</span>
              </li>
            ))}
          </ul>
          {pointed.hits.length > SHOWN && <p className="faint">and {pointed.hits.length - SHOWN} more</p>}
        </div>
      )}
    </div>
  );
}

/** uPlot only needs to know from where to where the positions go. */
function frameOf(lines: ChartLine[]): uPlot.AlignedData {
  return [xRange(lines), [null, null]];
}

function point(plot: uPlot, lines: ChartLine[]): Pointed | null {
  const { left, top } = plot.cursor;
  if (left === undefined || top === undefined || left < 0) return null;
  const at = plot.posToVal(left, 'x');
  const found = hits(lines, at, plot.posToVal(24, 'x') - plot.posToVal(0, 'x'));
  const distance = ({ line, index }: Hit) => {
    const apart = Math.abs(plot.valToPos(line.y[index] ?? Number.NaN, 'y') - top);
    return Number.isFinite(apart) ? apart : Infinity;
  };
  const closest = found.toSorted((a, b) => distance(a) - distance(b))[0];
  const first = closest?.line.x[closest.index] ?? at;
  return { at: first, left: left + plot.bbox.left / devicePixelRatio, flip: left > plot.over.clientWidth / 2, hits: found, nearest: closest?.line.id ?? null };
}

/** Those of many hits that lie around the nearest one. */
function around({ hits, nearest }: Pointed): Hit[] {
  const middle = hits.findIndex((hit) => hit.line.id === nearest);
  const from = Math.max(0, Math.min(middle - SHOWN / 2, hits.length - SHOWN));
  return hits.slice(from, from + SHOWN);
}

function position(axis: LineAxis, at: number): string {
  if (axis === 'time') return at === 0 ? '0' : duration(at).replace(/ 0 (s|min)$/, '');
  return Math.abs(at) >= 1e6 ? `${Number((at / 1e6).toPrecision(4))} M` : Math.round(at).toLocaleString('en');
}
