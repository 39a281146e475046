// Draws a plot with uPlot, in the page's colours; anew when they or the room for it change.

import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { share } from "./interval";
import type { Plotted, Point } from "./plot";

const FONT = "11px system-ui, sans-serif";
const SHARES = [0, 0.25, 0.5, 0.75, 1];
const DOT = 9;
const CHARACTER_PX = 6.5;

export function drawn(box: HTMLElement, plotted: Plotted, pointAt: (at: number | null) => void): () => void {
  const colour = (name: string) => (): string => getComputedStyle(box).getPropertyValue(name).trim();
  const plot = new uPlot(options(box, plotted, colour, pointAt), [plotted.points.map((one) => one.x), plotted.points.map((one) => share(one.passed))], box);
  const resized = new ResizeObserver(() => plot.width !== box.clientWidth && plot.setSize({ width: box.clientWidth, height: plotted.height }));
  const chosen = new MutationObserver(() => plot.redraw());
  const system = matchMedia("(prefers-color-scheme: dark)");
  const changed = (): void => plot.redraw();
  resized.observe(box);
  chosen.observe(document.documentElement, { attributeFilter: ["data-theme"] });
  system.addEventListener("change", changed);
  return () => {
    resized.disconnect();
    chosen.disconnect();
    system.removeEventListener("change", changed);
    plot.destroy();
  };
}

type Colour = (name: string) => () => string;

function options(box: HTMLElement, { points, x, hasIdeal, height }: Plotted, colour: Colour, pointAt: (at: number | null) => void): uPlot.Options {
  const axis = { stroke: colour("--dim"), font: FONT, labelFont: FONT, labelSize: 18, labelGap: 2, gap: 4, border: { show: true, stroke: colour("--line"), width: 1 }, ticks: { show: false } };
  return {
    width: box.clientWidth, height,
    padding: [10, 14, 0, 0],
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false, setScale: false } },
    scales: { x: { time: false, range: [x.low, x.high] }, y: { range: [-0.02, 1.02] } },
    axes: [
      { ...axis, size: 24, label: x.label, splits: () => x.ticks, values: (self, ticks) => spread(self, ticks.map(x.name)), grid: { show: false } },
      { ...axis, size: 34, label: "passed, %", splits: () => SHARES, values: (_, ticks) => ticks.map((tick) => `${100 * tick}`), grid: { stroke: colour("--faint"), width: 1 } },
    ],
    series: [{}, { stroke: colour("--s0"), paths: () => null, points: { show: true, size: DOT, fill: colour("--s0"), space: 0 } }],
    hooks: {
      drawAxes: [(self) => under(self, points, hasIdeal, colour)],
      draw: [(self) => marks(self, points, colour)],
      setCursor: [(self) => pointAt(self.cursor.idx ?? null)],
    },
  };
}

// Names that would run into each other are left out, every other one or more; the table has them all.
function spread(self: uPlot, names: string[]): (string | null)[] {
  const widest = CHARACTER_PX * (2 + Math.max(...names.map((name) => name.length)));
  const step = Math.ceil((widest * names.length) / Math.max(1, self.bbox.width / uPlot.pxRatio));
  return names.map((name, at) => (at % step === 0 ? name : null));
}

function under(self: uPlot, points: Point[], hasIdeal: boolean, colour: Colour): void {
  const { ctx } = self;
  ctx.save();
  if (hasIdeal) {
    ctx.setLineDash([3 * uPlot.pxRatio, 4 * uPlot.pxRatio]);
    line(self, colour("--dim")(), 1, [0, 0], [1, 1]);
    ctx.setLineDash([]);
  }
  ctx.globalAlpha = 0.5;
  for (const { x, passed: { low, high } } of points) if (low !== null && high !== null) line(self, colour("--s0")(), 2, [x, low], [x, high]);
  ctx.restore();
}

function line(self: uPlot, stroke: string, width: number, from: [number, number], to: [number, number]): void {
  const { ctx } = self;
  ctx.strokeStyle = stroke;
  ctx.lineWidth = width * uPlot.pxRatio;
  ctx.beginPath();
  ctx.moveTo(...place(self, ...from));
  ctx.lineTo(...place(self, ...to));
  ctx.stroke();
}

const place = (self: uPlot, x: number, y: number): [number, number] => [self.valToPos(x, "x", true), self.valToPos(y, "y", true)];

// Beside the dots: on the left of those at the right edge, under those at the top, and under one another.
function marks(self: uPlot, points: Point[], colour: Colour): void {
  const { ctx, bbox } = self;
  const px = uPlot.pxRatio;
  const taken: [number, number, number][] = [];
  ctx.save();
  ctx.font = FONT.replace("11", String(11 * px));
  ctx.fillStyle = colour("--dim")();
  ctx.textAlign = "left";
  ctx.textBaseline = "alphabetic";
  for (const { x, passed, mark } of points) {
    const [left, top] = place(self, x, share(passed) ?? 0);
    const isRight = left > bbox.left + 0.85 * bbox.width;
    const width = ctx.measureText(mark).width;
    const from = isRight ? left - 8 * px - width : left + 8 * px;
    let base = top + (top < bbox.top + 20 * px ? 14 : -6) * px;
    while (taken.some(([start, end, at]) => from < end && start < from + width && Math.abs(at - base) < 12 * px)) base += 12 * px;
    taken.push([from, from + width, base]);
    ctx.fillText(mark, from, base);
  }
  ctx.restore();
}
