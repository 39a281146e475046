// Follows a run's events. The browser itself comes back after a broken line and says with
// Last-Event-ID what it has; where it gives up (the service was restarted), this asks again. A browser
// does not say why it gave up, so the run itself is asked for: one that is not there is not waited for.

import { get, Refusal } from "./api";
import { KINDS, type RunEvent } from "./shapes";

const RETRY_MS = 1500;

// What a listener hears: events, whether the line stands, and the refusal after which nothing comes.
export interface Listener { hear: (event: RunEvent) => void; linked: (isUp: boolean) => void; refused: (why: Refusal) => void }

export function follow(run: string, { hear, linked, refused }: Listener): () => void {
  let last = 0;
  let source: EventSource | null = null;
  let timer = 0;
  let isWanted = true;

  const take = (message: MessageEvent<string>): void => {
    const event = JSON.parse(message.data) as RunEvent;
    if (event.n <= last) return;
    last = event.n;
    hear(event);
    if (event.kind === "run.finished") source?.close();
  };

  const again = async (): Promise<void> => {
    const why = await get(`/api/runs/${encodeURIComponent(run)}`).then(() => null, (fault: unknown) => fault);
    if (!isWanted) return;
    if (why instanceof Refusal && why.isFinal) refused(why);
    else timer = window.setTimeout(open, RETRY_MS);
  };

  const open = (): void => {
    const opened = new EventSource(`/api/runs/${encodeURIComponent(run)}/events?after=${last}`);
    source = opened;
    opened.onopen = () => linked(true);
    // `error` is a kind of ours and also what the browser calls a broken line; only ours has data.
    for (const kind of KINDS) if (kind !== "error") opened.addEventListener(kind, take);
    opened.addEventListener("error", (found) => {
      if (found instanceof MessageEvent) return take(found);
      linked(false);
      if (opened.readyState === EventSource.CLOSED) void again();
    });
  };

  open();
  return () => {
    isWanted = false;
    source?.close();
    window.clearTimeout(timer);
  };
}
