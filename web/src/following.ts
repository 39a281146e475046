// A run as it is known so far; drawn anew some thirty times a second, however fast it is told.

import { useEffect, useRef, useState } from "preact/hooks";
import { follow } from "./stream";
import { Told } from "./told";

export function useRun(run: string | null): { told: Told; isLinked: boolean } {
  const told = useRef(new Told());
  const [, draw] = useState(0);
  const [isLinked, setLinked] = useState(true);
  useEffect(() => {
    told.current = new Told();
    if (run === null) return undefined;
    let frame = 0;
    const stop = follow(run, (event) => {
      told.current.hear(event);
      frame ||= setTimeout(() => { frame = 0; draw((n) => n + 1); }, DRAW_MS);
    }, setLinked);
    return () => {
      stop();
      clearTimeout(frame);
    };
  }, [run]);
  return { told: told.current, isLinked };
}

const DRAW_MS = 30; // not by animation frames: these stand still in a tab that is not looked at
