// Small things that several views show.

import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { said } from "./api";
import { STATUSES, VERDICTS } from "./words";

// A verdict is told by letters; colour only helps to find it.
export const Chip = ({ verdict }: { verdict: string | null }) => (
  <span class={`chip v-${verdict !== null && verdict in VERDICTS ? verdict : "other"}`} title={VERDICTS[verdict ?? ""] ?? "not judged yet"}>{verdict ?? "…"}</span>
);

export const StatusWord = ({ status }: { status: string }) => <span class={`status is-${status}`}>{STATUSES[status] ?? status}</span>;

export const Role = ({ agent }: { agent: string }) => <span class={`role r-${agent}`}>{agent}</span>;

// Any text of a model or program, as it is.
export const Text = ({ text, label }: { text: string; label: string }) =>
  text === "" ? <p class="note">empty</p> : <pre class="text" tabIndex={0} role="region" aria-label={label}>{text}</pre>;

export const Fault = ({ of }: { of: unknown }) => (of ? <p class="fault" role="alert">{said(of)}</p> : null);

export const Facts = ({ rows }: { rows: [string, ComponentChildren][] }) => (
  <dl class="pairs">{rows.map(([name, value]) => <div><dt>{name}</dt><dd>{value}</dd></div>)}</dl>
);

interface TableProps { head: string[]; rows: ComponentChildren[][]; caption: string; kind?: string }

export const Table = ({ head, rows, caption, kind = "numbers" }: TableProps) => (
  <div class="scroll" tabIndex={0} role="region" aria-label={caption}>
    <table class={kind}>
      <caption>{caption}</caption>
      <thead><tr>{head.map((cell) => <th scope="col">{cell}</th>)}</tr></thead>
      <tbody>{rows.map((row) => <tr>{row.map((cell, at) => (at ? <td>{cell}</td> : <th scope="row">{cell}</th>))}</tr>)}</tbody>
    </table>
  </div>
);

// What a question to the service came to; asked again when `ask` is another.
export function useAnswer<T>(ask: () => Promise<T>, when: unknown[]): { answer: T | null; fault: unknown } {
  const [found, setFound] = useState<{ answer: T | null; fault: unknown }>({ answer: null, fault: null });
  useEffect(() => {
    let isWanted = true;
    ask().then((answer) => isWanted && setFound({ answer, fault: null }), (fault: unknown) => isWanted && setFound({ answer: null, fault }));
    return () => { isWanted = false; };
  }, when);
  return found;
}
