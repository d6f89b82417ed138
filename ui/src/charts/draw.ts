import type uPlot from 'uplot';
import type { PlacedMark, Track } from './series';
import type { Theme } from './theme';

/** What uPlot does not draw by itself. Everything is in canvas pixels. */

export interface Scene {
  track: Track;
  limit: number | null;
  limitLabel: string;
  labels: boolean;
}

const ROW = 15;
const ROWS = 3;

/** The height above the plot that the marks' labels may need, in CSS pixels. */
export function labelRoom(scene: Scene): number {
  return 8 + ROW * Math.min(ROWS, scene.track.marks.length);
}

export function drawLimit(plot: uPlot, scene: Scene, theme: Theme): void {
  if (scene.limit === null) return;
  const { ctx, bbox } = plot;
  const ratio = devicePixelRatio;
  const y = Math.round(plot.valToPos(scene.limit, 'y', true));
  ctx.save();
  ctx.strokeStyle = theme.bad;
  ctx.globalAlpha = 0.75;
  ctx.lineWidth = 1.25 * ratio;
  ctx.setLineDash([5 * ratio, 4 * ratio]);
  line(ctx, bbox.left, y, bbox.left + bbox.width, y);
  ctx.globalAlpha = 1;
  ctx.fillStyle = theme.bad;
  ctx.font = scaled(theme.font, ratio);
  ctx.textAlign = 'left';
  ctx.setLineDash([]);
  ctx.strokeStyle = theme.surface;
  ctx.lineWidth = 4 * ratio;
  ctx.strokeText(scene.limitLabel, bbox.left + 4 * ratio, y - 5 * ratio);
  ctx.fillText(scene.limitLabel, bbox.left + 4 * ratio, y - 5 * ratio);
  ctx.restore();
}

export function drawMarks(plot: uPlot, scene: Scene, theme: Theme): void {
  const { ctx, bbox } = plot;
  const ratio = devicePixelRatio;
  const rowEnds: number[] = [];
  ctx.save();
  ctx.font = scaled(theme.font, ratio);
  for (const mark of scene.track.marks) {
    const x = Math.round(plot.valToPos(mark.x, 'x', true));
    const colour = markColour(mark, theme);
    ctx.strokeStyle = colour;
    ctx.lineWidth = 1.25 * ratio;
    ctx.globalAlpha = 0.7;
    ctx.setLineDash(mark.kind === 'champion' ? [] : [2 * ratio, 3 * ratio]);
    line(ctx, x, bbox.top, x, bbox.top + bbox.height);
    ctx.globalAlpha = 1;
    if (scene.labels) label(ctx, mark.label, { x, colour, bbox, ratio, rowEnds });
  }
  ctx.restore();
}

interface Spot {
  x: number;
  colour: string;
  bbox: uPlot.BBox;
  ratio: number;
  rowEnds: number[];
}

/** A label above the plot, in the first row where it does not cover another one. */
function label(ctx: CanvasRenderingContext2D, text: string, { x, colour, bbox, ratio, rowEnds }: Spot): void {
  const width = ctx.measureText(text).width;
  const right = bbox.left + bbox.width;
  const start = Math.max(bbox.left, Math.min(x - width / 2, right - width));
  let row = rowEnds.findIndex((end) => end + 8 * ratio < start);
  if (row < 0) row = rowEnds.length;
  if (row >= ROWS) return;
  rowEnds[row] = start + width;
  ctx.fillStyle = colour;
  ctx.textAlign = 'left';
  ctx.fillText(text, start, bbox.top - (5 + row * ROW) * ratio);
}

/** The points: one a window, in the colour of its line, red and larger beyond the limit. */
export function drawPoints(plot: uPlot, scene: Scene, theme: Theme, colourOf: (version: number) => string): void {
  const { ctx } = plot;
  const ratio = devicePixelRatio;
  const { track } = scene;
  ctx.save();
  ctx.lineWidth = 1.5 * ratio;
  for (const series of track.lines) {
    for (const [index, value] of series.values.entries()) {
      if (value === null) continue;
      const beyond = track.breached[index] === true;
      ctx.beginPath();
      ctx.arc(plot.valToPos(track.xs[index] ?? 0, 'x', true), plot.valToPos(value, 'y', true), (beyond ? 4.5 : 3.25) * ratio, 0, 2 * Math.PI);
      ctx.fillStyle = beyond ? theme.bad : colourOf(series.version);
      ctx.strokeStyle = theme.surface;
      ctx.fill();
      ctx.stroke();
    }
  }
  ctx.restore();
}

export function markColour(mark: PlacedMark, theme: Theme): string {
  if (mark.kind === 'retraining') return theme.warn;
  return mark.kind === 'champion' ? theme.good : theme.bad;
}

function line(ctx: CanvasRenderingContext2D, x1: number, y1: number, x2: number, y2: number): void {
  ctx.beginPath();
  ctx.moveTo(x1, y1);
  ctx.lineTo(x2, y2);
  ctx.stroke();
}

function scaled(font: string, ratio: number): string {
  return font.replace(/^[\d.]+px/, (size) => `${Number.parseFloat(size) * ratio}px`);
}
