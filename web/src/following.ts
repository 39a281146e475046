// A run as it is known so far; drawn anew some thirty times a second, however fast it is told.

import { useEffect, useRef, useState } from "preact/hooks";
import type { Refusal } from "./api";
import type { RunEvent } from "./shapes";
import { follow } from "./stream";
import { Told } from "./told";

export function useRun(run: string | null): { told: Told; isLinked: boolean; refused: Refusal | null } {
  const told = useRef(new Told());
  const [, draw] = useState(0);
  const [isLinked, setLinked] = useState(true);
  const [refused, setRefused] = useState<Refusal | null>(null);
  useEffect(() => {
    told.current = new Told();
    if (run === null) return undefined;
    setRefused(null);
    let frame = 0;
    const hear = (event: RunEvent): void => {
      told.current.hear(event);
      frame ||= setTimeout(() => { frame = 0; draw((n) => n + 1); }, DRAW_MS);
    };
    const stop = follow(run, { hear, linked: setLinked, refused: setRefused });
    return () => {
      stop();
      clearTimeout(frame);
    };
  }, [run]);
  return { told: told.current, isLinked, refused };
}

const DRAW_MS = 30; // not by animation frames: these stand still in a tab that is not looked at
