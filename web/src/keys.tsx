// The keys, and the frame of every dialog.

import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";

const KEYS = [
  ["1 2 3", "solve, runs, evaluations"], ["/", "filter"], ["Ctrl Enter", "solve, from within the problem"],
  ["[ ]", "the version before, the next one"], ["Esc", "close"], ["?", "this help"],
] as const;

interface DialogProps { label: string; kind?: string; onClose: () => void; children: ComponentChildren }

export function Dialog({ label, kind = "", onClose, children }: DialogProps) {
  const box = useRef<HTMLDialogElement>(null);
  useEffect(() => box.current?.showModal(), []);
  return (
    <dialog ref={box} class={kind} aria-label={label} onClose={onClose} onClick={(event) => event.target === box.current && onClose()}>
      {children}
    </dialog>
  );
}

export function Keys({ onClose }: { onClose: () => void }) {
  return (
    <Dialog label="Keys" onClose={onClose}>
      <table><tbody>{KEYS.map(([key, what]) => <tr><th scope="row"><kbd>{key}</kbd></th><td>{what}</td></tr>)}</tbody></table>
      <form method="dialog"><button>Close</button></form>
    </Dialog>
  );
}
