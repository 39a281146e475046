// The problem that is being prepared. It outlives a reload and a look at another view.

import type { Problem } from "./shapes";

const KEY = "mapcoder-draft";

export interface Draft { text: string; problem: Problem | null; warnings: string[] }

export const NO_DRAFT: Draft = { text: "", problem: null, warnings: [] };

export function kept(): Draft {
  const found = sessionStorage.getItem(KEY);
  return found === null ? NO_DRAFT : (JSON.parse(found) as Draft);
}

export function keep(draft: Draft): void {
  try {
    sessionStorage.setItem(KEY, JSON.stringify(draft));
  } catch {
    sessionStorage.removeItem(KEY); // larger than the browser keeps; the view still has it
  }
}
