// A list of any length of which only what is in sight is drawn; all rows have one height.

import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

const AROUND = 6;

interface RowsProps<T> {
  items: readonly T[];
  height: number;
  room: number;
  label: string;
  keyOf: (item: T) => string | number;
  draw: (item: T) => ComponentChildren;
}

export function Rows<T>({ items, height, room, label, keyOf, draw }: RowsProps<T>) {
  const [top, setTop] = useState(0);
  const box = useRef<HTMLDivElement>(null);
  const shown = Math.min(room, items.length * height);
  useEffect(() => {
    const at = box.current;
    if (at) setTop(at.scrollTop); // fewer rows than before may have moved it
  }, [items.length]);
  const first = Math.max(0, Math.floor(top / height) - AROUND);
  const last = Math.min(items.length, Math.ceil((top + room) / height) + AROUND);
  return (
    <div class="window" ref={box} style={{ height: `${shown}px` }} tabIndex={0} role="list" aria-label={`${label}: ${items.length}`}
      onScroll={(event) => setTop(event.currentTarget.scrollTop)}>
      <div style={{ height: `${items.length * height}px`, position: "relative" }}>
        {items.slice(first, last).map((item, at) => (
          <div key={keyOf(item)} class="placed" role="listitem" aria-setsize={items.length} aria-posinset={first + at + 1}
            style={{ top: `${(first + at) * height}px`, height: `${height}px` }}>
            {draw(item)}
          </div>
        ))}
      </div>
    </div>
  );
}
