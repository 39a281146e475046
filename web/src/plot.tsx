// A plot of shares with their intervals. What draws it is fetched when the first one is shown, so that
// nobody else waits for it; the numbers stand in a table beside, for whoever cannot see or point at it.

import { useEffect, useRef, useState } from "preact/hooks";
import { Fault } from "./parts";
import type { Rate } from "./shapes";

export interface Point {
  x: number;
  passed: Rate;
  mark: string; // written beside it
  words: string; // said when it is pointed at
}

export interface Plotted {
  points: Point[]; // by x, the least first
  x: { low: number; high: number; ticks: number[]; name: (tick: number) => string; label: string };
  hasIdeal: boolean; // the line on which y is x
  height: number;
}

// `plotted` is drawn anew whenever it is another object.
export function Plot({ title, plotted }: { title: string; plotted: Plotted }) {
  const box = useRef<HTMLDivElement>(null);
  const [at, pointAt] = useState<number | null>(null);
  const [fault, setFault] = useState<unknown>(null);
  useEffect(() => {
    let isWanted = true;
    let stop = (): void => undefined;
    import("./drawn").then(({ drawn }) => {
      if (isWanted && box.current) stop = drawn(box.current, plotted, pointAt);
    }).catch(setFault);
    return () => {
      isWanted = false;
      stop();
    };
  }, [plotted]);
  return (
    <>
      <Fault of={fault && "The plot could not be drawn; its numbers stand in the table."} />
      <div class="plotted" ref={box} role="img" aria-label={`${title}. The numbers stand in the table.`} style={{ minHeight: `${plotted.height}px` }} />
      <p class="sub" aria-hidden="true">{(at !== null && plotted.points[at]?.words) || "Point at a mark to read it."}</p>
    </>
  );
}
