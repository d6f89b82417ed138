import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'react';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { type Theme, useTheme } from '../../charts/theme';
import { moment, percent, tick, whole } from '../../components/format';
import { type Course, unitRange, valueRange } from './course';
import { gain } from './words';

interface EffectChartProps {
  /** What it shows, for readers who do not see it. */
  summary: string;
  course: Course;
  scale: 'difference' | 'log_ratio';
  lineLabel: string;
  planned: number;
  height?: number;
}

interface Scene {
  course: Course;
  lineLabel: string;
  planned: number;
}

interface Hover {
  index: number;
  left: number;
  flip: boolean;
}

/** A gain with its interval over the looks of a phase, with the line that it must leave behind. */
export function EffectChart({ summary, course, scale, lineLabel, planned, height = 220 }: EffectChartProps) {
  const theme = useTheme();
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const scene = useRef<Scene>({ course, lineLabel, planned });
  const [hover, setHover] = useState<Hover | null>(null);
  const data = useMemo<uPlot.AlignedData>(() => [course.units, course.low, course.high, course.above, course.below, course.estimate], [course]);
  const latest = useRef(data);
  useLayoutEffect(() => {
    scene.current = { course, lineLabel, planned };
    latest.current = data;
  }, [course, lineLabel, planned, data]);

  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const common = { stroke: theme.muted, font: theme.font, ticks: { show: false }, border: { show: false }, gap: 6 };
    const edge = { stroke: `color-mix(in srgb, ${theme.accent} 45%, transparent)`, width: 1, points: { show: false } };
    const boundary = { stroke: theme.good, width: 1.5, dash: [2, 4], points: { show: false } };
    const read = (value: number) => (scale === 'log_ratio' ? percent(Math.expm1(value), 1) : tick(value));
    const made = new uPlot(
      {
        width: element.clientWidth,
        height,
        padding: [10, 12, 0, 0],
        legend: { show: false },
        cursor: { y: false, drag: { x: false, y: false }, points: { show: false } },
        scales: {
          x: { time: false, range: () => unitRange(scene.current.course, scene.current.planned) },
          y: { range: () => valueRange(scene.current.course) },
        },
        axes: [
          { ...common, grid: { show: false }, space: 66, size: 24, values: (_, splits) => splits.map((at) => whole(at)) },
          { ...common, grid: { stroke: theme.line, width: 1 }, space: 34, size: 58, values: (_, splits) => splits.map(read) },
        ],
        series: [{}, edge, edge, boundary, boundary, { stroke: theme.accent, width: 2, points: { show: false } }],
        bands: [{ series: [2, 1], fill: `color-mix(in srgb, ${theme.accent} 14%, transparent)` }],
        hooks: {
          drawAxes: [(u) => drawLines(u, scene.current, theme)],
          draw: [(u) => drawLast(u, scene.current.course, theme), (u) => drawLabels(u, scene.current, theme)],
          setCursor: [(u) => setHover(hovered(u))],
        },
      },
      latest.current,
      element,
    );
    plot.current = made;
    const sizes = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height }));
    sizes.observe(element);
    return () => {
      sizes.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [theme, scale, height]);

  useEffect(() => plot.current?.setData(data), [data, planned]);

  return (
    <div className="chart" role="img" aria-label={summary} onPointerLeave={() => setHover(null)}>
      <div ref={box} style={{ height }} />
      {hover && <Tooltip hover={hover} course={course} scale={scale} />}
    </div>
  );
}

function Tooltip({ hover, course, scale }: { hover: Hover; course: Course; scale: 'difference' | 'log_ratio' }) {
  const { index } = hover;
  const [low, high, estimate] = [course.low[index], course.high[index], course.estimate[index]];
  if (typeof low !== 'number' || typeof high !== 'number') return null;
  const read = (value: number) => (course.pairs ? percent(value, 1) : gain(value, scale));
  return (
    <div className={`tooltip ${hover.flip ? 'flip' : ''}`} style={{ left: hover.left }}>
      <p className="tooltip-title">{whole(course.units[index] ?? 0)} units</p>
      <p className="faint">{moment(course.times[index] ?? 0)}</p>
      <dl>
        {typeof estimate === 'number' && (
          <>
            <dt>Gain</dt>
            <dd>{read(estimate)}</dd>
          </>
        )}
        <dt>Interval</dt>
        <dd>
          {read(low)} to {read(high)}
        </dd>
      </dl>
    </div>
  );
}

/** The line of no difference or the limit, and where the plan ends. */
function drawLines(plot: uPlot, { course, planned }: Scene, theme: Theme): void {
  const { ctx, bbox } = plot;
  const ratio = devicePixelRatio;
  const right = bbox.left + bbox.width;
  const across = (value: number) => {
    const y = Math.round(plot.valToPos(value, 'y', true));
    line(ctx, [bbox.left, y], [right, y]);
  };
  ctx.save();
  ctx.lineWidth = 1.25 * ratio;
  ctx.strokeStyle = theme.muted;
  if (limited(course)) {
    // No difference stays in sight beside the limit.
    ctx.globalAlpha = 0.5;
    across(0);
    ctx.globalAlpha = 1;
    ctx.strokeStyle = theme.bad;
    ctx.setLineDash([5 * ratio, 4 * ratio]);
  }
  across(course.line);
  const x = Math.round(plot.valToPos(planned, 'x', true));
  if (x <= right) {
    ctx.strokeStyle = theme.former;
    ctx.setLineDash([2 * ratio, 3 * ratio]);
    line(ctx, [x, bbox.top], [x, bbox.top + bbox.height]);
  }
  ctx.restore();
}

/** What the lines are called, above everything so that it can be read. */
function drawLabels(plot: uPlot, { course, lineLabel, planned }: Scene, theme: Theme): void {
  const { ctx, bbox } = plot;
  const ratio = devicePixelRatio;
  ctx.save();
  ctx.font = theme.font.replace(/^[\d.]+px/, (size) => `${Number.parseFloat(size) * ratio}px`);
  ctx.strokeStyle = theme.surface;
  ctx.lineWidth = 4 * ratio;
  ctx.lineJoin = 'round';
  const write = (text: string, x: number, y: number) => {
    ctx.strokeText(text, x, y);
    ctx.fillText(text, x, y);
  };
  ctx.fillStyle = limited(course) ? theme.bad : theme.muted;
  ctx.textAlign = 'left';
  write(lineLabel, bbox.left + 4 * ratio, plot.valToPos(course.line, 'y', true) + 13 * ratio);
  const x = plot.valToPos(planned, 'x', true);
  if (x <= bbox.left + bbox.width) {
    ctx.fillStyle = theme.muted;
    ctx.textAlign = 'right';
    write('planned', x - 4 * ratio, bbox.top + 10 * ratio);
  }
  ctx.restore();
}

function limited(course: Course): boolean {
  return course.line !== 0 && !course.pairs;
}

/** The newest look stands out: it is what counts. */
function drawLast(plot: uPlot, course: Course, theme: Theme): void {
  const [units, estimate] = [course.units.at(-1), course.estimate.at(-1)];
  if (typeof units !== 'number' || typeof estimate !== 'number') return;
  const { ctx } = plot;
  ctx.save();
  ctx.beginPath();
  ctx.arc(plot.valToPos(units, 'x', true), plot.valToPos(estimate, 'y', true), 4 * devicePixelRatio, 0, 2 * Math.PI);
  ctx.fillStyle = theme.accent;
  ctx.strokeStyle = theme.surface;
  ctx.lineWidth = 1.5 * devicePixelRatio;
  ctx.fill();
  ctx.stroke();
  ctx.restore();
}

function line(ctx: CanvasRenderingContext2D, from: [number, number], to: [number, number]): void {
  ctx.beginPath();
  ctx.moveTo(...from);
  ctx.lineTo(...to);
  ctx.stroke();
}

function hovered(plot: uPlot): Hover | null {
  const { left, idx } = plot.cursor;
  const x = typeof idx === 'number' ? plot.data[0][idx] : undefined;
  if (typeof idx !== 'number' || x === undefined || left === undefined || left < 0) return null;
  const at = plot.valToPos(x, 'x');
  return { index: idx, left: at + plot.bbox.left / devicePixelRatio, flip: at > plot.over.clientWidth / 2 };
}

