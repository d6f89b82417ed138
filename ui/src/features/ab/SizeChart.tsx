import { useEffect, useRef } from 'react';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { useTheme } from '../../charts/theme';
import { tick, whole } from '../../components/format';

export interface Size {
  effect: number;
  units: number;
}

const HEIGHT = 190;

/** How many units other effects would take. */
export function SizeChart({ sizes, effect }: { sizes: Size[]; effect: number }) {
  const theme = useTheme();
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const ordered = sizes.toSorted((a, b) => a.effect - b.effect);
    const at = ordered.findIndex((size) => size.effect === effect);
    const common = { stroke: theme.muted, font: theme.font, ticks: { show: false }, border: { show: false }, gap: 6 };
    const made = new uPlot(
      {
        width: element.clientWidth,
        height: HEIGHT,
        padding: [10, 16, 0, 0],
        legend: { show: false },
        cursor: { show: false },
        scales: { x: { time: false }, y: { range: (_, __, most) => [0, most * 1.05] } },
        axes: [
          { ...common, grid: { show: false }, space: 60, size: 24, values: (_, splits) => splits.map(tick) },
          { ...common, grid: { stroke: theme.line, width: 1 }, space: 34, size: 72, values: (_, splits) => splits.map((value) => whole(value)) },
        ],
        series: [
          {},
          { stroke: theme.accent, width: 2, points: { show: false } },
          { stroke: theme.accent, width: 0, points: { show: true, size: 9, fill: theme.accent, stroke: theme.surface } },
        ],
      },
      [ordered.map((size) => size.effect), ordered.map((size) => size.units), ordered.map((size, index) => (index === at ? size.units : null))],
      element,
    );
    const sizesOf = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height: HEIGHT }));
    sizesOf.observe(element);
    return () => {
      sizesOf.disconnect();
      made.destroy();
    };
  }, [sizes, effect, theme]);
  const ends = [sizes[0], sizes.at(-1)].map((size) => (size ? `${whole(size.units)} units at ${tick(size.effect)}` : ''));
  return (
    <div className="chart" role="img" aria-label={`Units by effect, from ${ends.join(' to ')}`}>
      <div ref={box} style={{ height: HEIGHT }} />
    </div>
  );
}
