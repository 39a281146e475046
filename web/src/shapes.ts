// What the service sends and takes, as docs/api.md lists it; only the fields that the page shows.
// All text of models and programs in here is untrusted: it is only ever shown as text.

export type Language = string;
export type Agent = "retrieval" | "planning" | "coding" | "debugging";
export const AGENTS: readonly Agent[] = ["retrieval", "planning", "coding", "debugging"];
export type CallKind = "retrieval" | "plan" | "confidence" | "trace" | "coding" | "debugging";
export type Task = "solve" | "hint" | "plan" | "debug";

export interface Sample { input: string; outputs: string[] }

export interface Problem {
  id: string;
  title: string;
  statement: string;
  input_spec: string;
  output_spec: string;
  notes: string;
  public_tests: Sample[];
  limits: { cpu_seconds: number; memory_bytes: number };
  tags: string[];
  difficulty: number | null;
}

export interface Usage { prompt_tokens: number; cached_tokens: number; completion_tokens: number }
export interface Totals extends Usage { calls: number; ms: number; usd?: number | null; num_unreadable?: number }

interface Head { n: number; ts: string; run: string }
interface Staged extends Head { stage: number; agent: Agent; call: CallKind; plan: number | null; round: number }

export interface RunStarted extends Head {
  kind: "run.started"; problem: { id: string; title: string; num_tests: number }; task: Task; traversal: string;
  k: number; t: number; language: Language; engine: string; forked_from: string | null;
}
export interface StageStarted extends Staged { kind: "stage.started"; ask: number }
export interface StageDelta extends Head { kind: "stage.delta"; stage: number; text: string }
export interface StageFinished extends Staged {
  kind: "stage.finished"; ask: number; finish: "stop" | "length"; ms: number; usage: Usage; model: string;
  format_ok: boolean; note: string | null; answer: unknown;
}
export interface FormatFailed extends Staged {
  kind: "format.failure"; failure: string; detail: string; position: number | null; is_final: boolean;
}
export interface PlanScored extends Head { kind: "plan.scored"; plan: number; rank: number; confidence: number | null; text: string }
export interface CodeVersion extends Head {
  kind: "code.version"; version: number; plan: number | null; round: number; language: Language; program: string;
  diff: string | null; is_repeat: boolean;
}
export interface TestVerdict extends Head {
  kind: "test.verdict"; version: number; test: number | null; verdict: string; cpu_ms: number; wall_ms: number;
  rss_kb: number; got: string; stderr: string; reason: string; isolation: string;
}
export interface DebugRound extends Head {
  kind: "debug.round"; plan: number | null; round: number; version: number; num_passed: number; num_tests: number;
}
export interface BudgetWarning extends Head { kind: "budget.warning"; what: string; used: number; limit: number; stage: number | null }
export interface BackendRetry extends Head { kind: "backend.retry"; reason: string; wait_seconds: number; stage: number | null }
export interface Failed extends Head { kind: "error"; error: string; message: string; exit_code: number }
export interface RunFinished extends Head {
  kind: "run.finished"; status: string; stop: string | null; detail: string | null; program: string | null;
  language: Language; version: number | null; num_passed: number; num_tests: number; totals: Totals;
  agents: Partial<Record<Agent, Totals>>;
}

export type RunEvent =
  | RunStarted | StageStarted | StageDelta | StageFinished | FormatFailed | PlanScored | CodeVersion | TestVerdict
  | DebugRound | BudgetWarning | BackendRetry | Failed | RunFinished;

export const KINDS: readonly RunEvent["kind"][] = [
  "run.started", "stage.started", "stage.delta", "stage.finished", "format.failure", "plan.scored", "code.version",
  "test.verdict", "debug.round", "budget.warning", "backend.retry", "error", "run.finished",
];

export interface Status {
  version: string;
  engine: { identity: string; label: string };
  judge: { isolation: string; is_trusted: boolean };
  queue: { running: number; waiting: number; max_running: number; max_waiting: number };
  limits: { body_bytes: number; statement_chars: number; tests: number; seconds: number };
  defaults: { k: number; t: number; traversal: string; language: Language };
  languages: Language[];
}

export interface ProblemLine { id: string; title: string; tags: string[]; difficulty: number | null; num_tests: number }

export interface RunSummary {
  id: string; created: string; title: string; problem_id: string; task: Task; source: string; status: string;
  position: number | null; k: number; t: number; traversal: string; language: Language; num_passed: number;
  num_tests: number; calls: number; tokens: number; ms: number; usd: number | null; forked_from: string | null;
}
export interface RunDetail extends RunSummary { problem: Problem }

export interface CallDetail {
  stage: number; agent: Agent; call: CallKind; plan: number | null; round: number; ask: number; ms: number; usage: Usage;
  finish: string; failure: { kind: string; detail: string; position: number | null } | null;
  messages: { role: string; content: string }[]; reply: string; adapter: string | null; adapter_digest: string | null;
  sampling: Record<string, unknown>; grammar: boolean; model: string; note: string | null;
}

export interface SolveBody {
  problem: Problem; task: Task; effort?: "paper" | "quick"; k?: number; t?: number; language?: Language; seed?: number; program?: string;
}

export interface Judgement {
  verdict: string;
  compilation: { is_ok: boolean; log: string };
  results: { verdict: string; cpu_ms: number; reason: string; got?: string; stderr?: string }[];
}

export interface Rate { num_passed: number; num_total: number; low: number | null; high: number | null }
export interface Mean { mean: number; low: number | null; high: number | null }
export interface LabelScore { label: string; num_problems: number; passed: Rate }
export interface RoleFailures {
  num_calls: number; num_failures: number; low: number | null; high: number | null; kinds: Record<string, number>;
  prompt_tokens: number; completion_tokens: number; seconds: number;
}
export interface Metrics {
  run: string; engine: string; num_problems: number; num_samples: number; num_units: number; num_solved_units: number;
  num_errors: number; num_ungraded: number; num_defective: number; passed: Rate | null; passed_sound: Rate | null; public: Rate;
  pass_at_k: { k: number; num_problems: number; raw: Mean; sound: Mean | null }[]; tags: LabelScore[]; ratings: LabelScore[];
  costs: { calls: number; prompt_tokens: number; completion_tokens: number; seconds: number };
  roles: Partial<Record<Agent, RoleFailures>>; num_unreadable: number; verdicts: Record<string, number>; stops: Record<string, number>;
  calibration: Calibration | null;
}
export interface ConfidenceBin { low: number; high: number; mean_confidence: number | null; passed: Rate }
export interface Scored { value: number; low: number | null; high: number | null }
export interface Reliability {
  num_plans: number; num_problems: number; bins: ConfidenceBin[]; brier: Scored; brier_of_base: number; error: Scored; auroc: Scored | null;
}
export interface Calibration { hidden: Reliability | null; public: Reliability | null }
export interface Attributed {
  is_current: boolean;
  table: {
    num_replays: number; is_partial: boolean; num_failed: number; num_failures: number; num_alone: number; num_together: number;
    num_by_luck: number; num_unmended: number; roles: { role: Agent; share: Mean }[];
    tags: { tag: string; num_failures: number; shares: Partial<Record<Agent, Mean>> }[];
  };
}
export interface ProblemResult {
  id: string; title: string; tags: string[]; difficulty: number | null;
  attempts: { sample: number; verdict: string | null; failure: string | null }[];
}
export interface Evaluation {
  name: string; engine: string | null; num_problems: number; num_samples: number; is_finished: boolean; fault: string | null;
}
export interface Difference {
  num_problems: number; first: number; second: number; gain: Mean; num_gained: number; num_lost: number; p: number;
}
export interface LabelDifference { label: string; difference: Difference; p_holm: number }
export interface Comparison {
  first: { name: string; engine: string; passed: Rate }; second: { name: string; engine: string; passed: Rate };
  duel: { raw: Difference; sound: Difference | null; num_left_out: number; num_unlike: number; doubts: string[];
    settings: { key: string; first: string; second: string }[] };
  gained: string[]; lost: string[]; tags: LabelDifference[]; ratings: LabelDifference[];
}
