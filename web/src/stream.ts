// Follows a run's events. The browser itself comes back after a broken line and says with
// Last-Event-ID what it has; where it gives up (the service was restarted), this asks again.

import { KINDS, type RunEvent } from "./shapes";

const RETRY_MS = 1500;

export function follow(run: string, hear: (event: RunEvent) => void, linked: (isUp: boolean) => void): () => void {
  let last = 0;
  let source: EventSource | null = null;
  let timer = 0;

  const take = (message: MessageEvent<string>): void => {
    const event = JSON.parse(message.data) as RunEvent;
    if (event.n <= last) return;
    last = event.n;
    hear(event);
    if (event.kind === "run.finished") source?.close();
  };

  const open = (): void => {
    const opened = new EventSource(`/api/runs/${run}/events?after=${last}`);
    source = opened;
    opened.onopen = () => linked(true);
    // `error` is a kind of ours and also what the browser calls a broken line; only ours has data.
    for (const kind of KINDS) if (kind !== "error") opened.addEventListener(kind, take);
    opened.addEventListener("error", (found) => {
      if (found instanceof MessageEvent) return take(found);
      linked(false);
      if (opened.readyState === EventSource.CLOSED) timer = window.setTimeout(open, RETRY_MS);
    });
  };

  open();
  return () => {
    source?.close();
    window.clearTimeout(timer);
  };
}
