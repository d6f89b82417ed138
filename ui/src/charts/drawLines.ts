import type uPlot from 'uplot';
import type { ChartLine } from './lines';
import { RUN_COLOURS, type Theme } from './theme';

export interface Drawing {
  lines: ChartLine[];
  /** The same lines, calmed; they are drawn over their originals. */
  calm: ChartLine[];
  smoothing: boolean;
  /** The line that stands out, when there is one. */
  focus: string | null;
}

/** Lines with the band of their extremes. uPlot gives the axes; each line keeps its own positions. */
export function drawLines(plot: uPlot, drawing: Drawing, theme: Theme): void {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  ctx.lineJoin = 'round';
  const faded = (line: ChartLine) => drawing.focus !== null && drawing.focus !== line.id;
  const front = (lines: ChartLine[]) => lines.toSorted((a, b) => Number(faded(b)) - Number(faded(a)));
  for (const line of drawing.lines) {
    if (!faded(line)) drawBand(plot, line, colourOf(line, theme));
  }
  if (drawing.smoothing) {
    for (const line of drawing.lines) drawCourse(plot, line, colourOf(line, theme), faded(line) ? 0.06 : 0.3, 1);
  }
  for (const line of front(drawing.calm)) drawCourse(plot, line, colourOf(line, theme), faded(line) ? 0.18 : 1, 1.8);
  for (const line of drawing.lines) {
    if (!faded(line)) drawNaN(plot, line, theme);
  }
  ctx.restore();
}

export function colourOf(line: Pick<ChartLine, 'colour'>, theme: Theme): string {
  return theme.runs[line.colour % RUN_COLOURS] ?? theme.accent;
}

function drawBand(plot: uPlot, { x, min, max }: ChartLine, colour: string): void {
  if (!min || !max) return;
  const { ctx } = plot;
  ctx.globalAlpha = 0.15;
  ctx.fillStyle = colour;
  let from = 0;
  while (from < x.length) {
    // Each stretch between buckets that hold nothing but NaN is an area of its own.
    while (from < x.length && !Number.isFinite(min[from])) from += 1;
    let end = from;
    while (end < x.length && Number.isFinite(min[end])) end += 1;
    ctx.beginPath();
    for (let index = from; index < end; index += 1) point(plot, x[index] ?? 0, max[index] ?? 0, index === from);
    for (let index = end - 1; index >= from; index -= 1) point(plot, x[index] ?? 0, min[index] ?? 0, false);
    ctx.fill();
    from = end;
  }
}

function drawCourse(plot: uPlot, { x, y, colour: number }: ChartLine, colour: string, alpha: number, width: number): void {
  const { ctx } = plot;
  const ratio = devicePixelRatio;
  ctx.globalAlpha = alpha;
  ctx.strokeStyle = colour;
  ctx.fillStyle = colour;
  ctx.lineWidth = width * ratio;
  ctx.setLineDash(number >= RUN_COLOURS ? [5 * ratio, 3 * ratio] : []);
  ctx.beginPath();
  let begun = false;
  let drawn = 0;
  for (const [index, value] of y.entries()) {
    const usable = Number.isFinite(value) && (plot.scales.y?.distr !== 3 || value > 0);
    if (usable) {
      point(plot, x[index] ?? 0, value, !begun);
      drawn += 1;
    }
    begun = usable;
  }
  ctx.stroke();
  ctx.setLineDash([]);
  if (drawn !== 1) return;
  const only = y.findIndex((value) => Number.isFinite(value));
  ctx.beginPath();
  ctx.arc(plot.valToPos(x[only] ?? 0, 'x', true), plot.valToPos(y[only] ?? 0, 'y', true), 3.5 * ratio, 0, 2 * Math.PI);
  ctx.fill();
}

/** Crosses at the foot of the plot where a value was not a number. */
function drawNaN(plot: uPlot, { x, y }: ChartLine, theme: Theme): void {
  const { ctx, bbox } = plot;
  const ratio = devicePixelRatio;
  const size = 3 * ratio;
  const foot = bbox.top + bbox.height - 7 * ratio;
  ctx.globalAlpha = 1;
  ctx.strokeStyle = theme.bad;
  ctx.lineWidth = 1.5 * ratio;
  ctx.beginPath();
  let last = -Infinity;
  for (const [index, value] of y.entries()) {
    const left = plot.valToPos(x[index] ?? 0, 'x', true);
    if (!Number.isNaN(value) || left - last < 3 * size) continue;
    last = left;
    ctx.moveTo(left - size, foot - size);
    ctx.lineTo(left + size, foot + size);
    ctx.moveTo(left + size, foot - size);
    ctx.lineTo(left - size, foot + size);
  }
  ctx.stroke();
}

function point(plot: uPlot, x: number, y: number, first: boolean): void {
  const [left, top] = [plot.valToPos(x, 'x', true), plot.valToPos(y, 'y', true)];
  if (first) plot.ctx.moveTo(left, top);
  else plot.ctx.lineTo(left, top);
}
