import { type ReactNode, useEffect, useLayoutEffect, useMemo, useRef, useState } from 'react';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import type { MonitorWindow } from '../api/types';
import { axes } from './axes';
import { drawLimit, drawMarks, drawPoints, labelRoom, type Scene } from './draw';
import { timeRange, type Track, valueRange } from './series';
import { useTheme } from './theme';

interface TrackChartProps {
  /** What it shows, for readers who do not see it. */
  summary: string;
  track: Track;
  champion: number | null;
  limit: number | null;
  limitLabel: string;
  height: number;
  /** Whether marks are named above the plot. */
  labels: boolean;
  /** The least stretch of values, so that noise does not look like news. */
  least: number;
  tooltip: (window: MonitorWindow) => ReactNode;
}

interface Hover {
  index: number;
  left: number;
  flip: boolean;
}

/** Charts of one page move their cursors together. */
const CURSORS = uPlot.sync('windows');

/** One metric of the monitor's windows over time, with its limit and what happened meanwhile. */
export function TrackChart(props: TrackChartProps) {
  const { summary, track, champion, limit, limitLabel, height, labels, least } = props;
  const theme = useTheme();
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const scene = useRef<Scene>({ track, limit, limitLabel, labels });
  const [hover, setHover] = useState<Hover | null>(null);
  const [pointed, setPointed] = useState(false);
  const versions = track.lines.map((line) => line.version).join();
  const data = useMemo<uPlot.AlignedData>(() => [track.xs, ...track.lines.map((line) => line.values)], [track]);
  const latest = useRef(data);

  useLayoutEffect(() => {
    scene.current = { track, limit, limitLabel, labels };
    latest.current = data;
  }, [track, limit, limitLabel, labels, data]);

  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const colourOf = (version: number) => (version === champion ? theme.accent : theme.former);
    const options: uPlot.Options = {
      width: element.clientWidth,
      height,
      padding: [() => (labels ? labelRoom(scene.current) : 10), 10, 0, 0],
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false }, points: { show: false }, sync: { key: CURSORS.key, setSeries: false } },
      tzDate: (seconds) => (track.axis === 'event' ? uPlot.tzDate(new Date(seconds * 1000), 'Etc/UTC') : new Date(seconds * 1000)),
      scales: {
        x: { time: true, range: () => timeRange(scene.current.track) },
        y: { range: () => valueRange(scene.current.track, scene.current.limit, least) },
      },
      axes: axes(theme, track.axis, labels),
      series: [
        {},
        ...versions.split(',').map((version) => ({
          stroke: colourOf(Number(version)),
          width: 2,
          spanGaps: true,
          points: { show: false },
        })),
      ],
      hooks: {
        drawAxes: [(u) => drawMarks(u, scene.current, theme), (u) => drawLimit(u, scene.current, theme)],
        draw: [(u) => drawPoints(u, scene.current, theme, colourOf)],
        setCursor: [(u) => setHover(hovered(u))],
      },
    };
    const made = new uPlot(options, latest.current, element);
    plot.current = made;
    const sizes = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height }));
    sizes.observe(element);
    return () => {
      sizes.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [theme, versions, champion, height, labels, least, track.axis]);

  useEffect(() => plot.current?.setData(data), [data, limit]);

  const window = hover ? track.windows[hover.index] : undefined;
  return (
    <div className="chart" role="img" aria-label={summary} onPointerEnter={() => setPointed(true)} onPointerLeave={() => setPointed(false)}>
      <div ref={box} style={{ height }} />
      {pointed && hover && window && (
        <div className={`tooltip ${hover.flip ? 'flip' : ''}`} style={{ left: hover.left }}>
          {props.tooltip(window)}
        </div>
      )}
    </div>
  );
}

function hovered(plot: uPlot): Hover | null {
  const { left, idx } = plot.cursor;
  const x = typeof idx === 'number' ? plot.data[0][idx] : undefined;
  if (typeof idx !== 'number' || x === undefined || left === undefined || left < 0) return null;
  const at = plot.valToPos(x, 'x');
  return { index: idx, left: at + plot.bbox.left / devicePixelRatio, flip: at > plot.over.clientWidth / 2 };
}
