// How numbers and states are said; the words are those of the report's page.

const whole = new Intl.NumberFormat("en-US");
export const count = (number: number): string => whole.format(Math.round(number));
export const plural = (number: number, word: string): string => `${count(number)} ${word}${number === 1 ? "" : "s"}`;
export const percent = (share: number | null, places = 1): string => (share === null ? "–" : `${(100 * share).toFixed(places)} %`);
export const seconds = (ms: number): string => (ms < 1000 ? `${Math.round(ms)} ms` : ms < 100_000 ? `${(ms / 1000).toFixed(1)} s` : `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`);

export const VERDICTS: Record<string, string> = {
  AC: "accepted", WA: "wrong answer", TLE: "time limit exceeded", MLE: "memory limit exceeded", OLE: "output limit exceeded",
  RE: "runtime error", CE: "compile error", SEC: "forbidden system call", IE: "internal error of the judge, not scored", SK: "not run",
};

export const STATUSES: Record<string, string> = {
  waiting: "waits", running: "running", solved: "solved on samples", failed: "not solved", untested: "not tested: no samples",
  answered: "answered", cancelled: "cancelled", error: "error", interrupted: "interrupted",
};

export const STOPS: Record<string, string> = {
  exhausted: "all plans and debug rounds, or the only program, were used",
  no_recall: "the retrieval replies could not be read",
  no_plan: "no plan came back",
  no_program: "no reply held a program",
  lost: "a reply that could not be read ended it",
  too_long: "a prompt did not fit the model's context",
};

export const TASKS: Record<string, string> = { solve: "solve", hint: "hint", plan: "plans", debug: "debug" };

// What was asked for: `plan 2`, `confidence of plan 2, round 1`.
export const wanted = (call: string, plan: number | null, round: number): string =>
  `${plan === null ? call : call === "plan" ? `plan ${plan + 1}` : `${call} of plan ${plan + 1}`}${round ? `, round ${round}` : ""}`;

export const LANGUAGES: Record<string, string> = { python: "Python", cpp: "C++", c: "C", java: "Java", go: "Go", rust: "Rust", javascript: "JavaScript", kotlin: "Kotlin" };

export const when = (iso: string): string => new Date(iso).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });

export const pValue = (p: number): string => (p < 0.001 ? "p < 0.001" : `p = ${p.toFixed(3)}`);
