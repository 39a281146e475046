// What is known of a run, from its events in order.

import type {
  Agent, BackendRetry, BudgetWarning, CallKind, CodeVersion, Failed, FormatFailed, RunEvent, RunFinished, RunStarted,
  StageFinished, TestVerdict, Totals,
} from "./shapes";
import { AGENTS } from "./shapes";

export interface Stage {
  n: number; agent: Agent; call: CallKind; plan: number | null; round: number; ask: number; began: number;
  text: string; finished: StageFinished | null; failure: FormatFailed | null;
}

export interface Plan { plan: number; rank: number | null; confidence: number | null; text: string }

export interface Version { code: CodeVersion; verdicts: TestVerdict[] }

export interface Recalled { algorithm: string; exemplars: { description: string; planning: string }[] }

export type Note = BudgetWarning | BackendRetry | Failed;

export class Told {
  started: RunStarted | null = null;
  finished: RunFinished | null = null;
  stages: Stage[] = [];
  plans = new Map<number, Plan>();
  versions: Version[] = [];
  notes: Note[] = [];

  hear(event: RunEvent): void {
    switch (event.kind) {
      case "run.started": this.started = event; break;
      case "run.finished": this.finished = event; break;
      case "stage.started": {
        const { stage: n, agent, call, plan, round, ask } = event;
        this.stages[n - 1] = { n, agent, call, plan, round, ask, began: Date.parse(event.ts), text: "", finished: null, failure: null };
        break;
      }
      case "stage.delta": {
        const stage = this.stages[event.stage - 1];
        if (stage) stage.text += event.text;
        break;
      }
      case "format.failure": {
        const stage = this.stages[event.stage - 1];
        if (stage) stage.failure = event;
        break;
      }
      case "stage.finished": this.#finish(event); break;
      case "plan.scored": this.plans.set(event.plan, event); break;
      case "code.version": this.versions[event.version - 1] = { code: event, verdicts: [] }; break;
      case "test.verdict": this.versions[event.version - 1]?.verdicts.push(event); break;
      case "budget.warning": case "backend.retry": case "error": this.notes.push(event); break;
      case "debug.round": break; // the debugging stage that follows shows it
    }
  }

  #finish(event: StageFinished): void {
    const stage = this.stages[event.stage - 1];
    if (stage) stage.finished = event;
    if (event.plan === null || !event.format_ok) return;
    const known = this.plans.get(event.plan) ?? { plan: event.plan, rank: null, confidence: null, text: "" };
    if (event.call === "plan" && typeof event.answer === "string") this.plans.set(event.plan, { ...known, text: event.answer });
    if (event.call === "confidence" && typeof event.answer === "number") this.plans.set(event.plan, { ...known, confidence: event.answer });
  }

  get ranked(): Plan[] {
    return [...this.plans.values()].sort((one, other) => (one.rank ?? Infinity) - (other.rank ?? Infinity) || one.plan - other.plan);
  }

  get recalled(): Recalled | null {
    const found = this.stages.find((stage) => stage?.call === "retrieval" && stage.finished?.format_ok);
    return (found?.finished?.answer as Recalled | undefined) ?? null;
  }

  get asking(): Stage | null {
    return this.finished ? null : this.stages.findLast((stage) => !stage.finished) ?? null;
  }

  agents(): [Agent, Totals][] {
    return AGENTS.map((agent) => [agent, this.finished?.agents[agent] ?? this.#sum(agent)]);
  }

  #sum(agent: Agent): Totals {
    const sum = { calls: 0, prompt_tokens: 0, cached_tokens: 0, completion_tokens: 0, ms: 0, num_unreadable: 0 };
    for (const { agent: asked, finished } of this.stages) {
      if (asked !== agent || !finished) continue;
      sum.calls += 1;
      sum.prompt_tokens += finished.usage.prompt_tokens;
      sum.cached_tokens += finished.usage.cached_tokens;
      sum.completion_tokens += finished.usage.completion_tokens;
      sum.ms += finished.ms;
      sum.num_unreadable += finished.format_ok ? 0 : 1;
    }
    return sum;
  }
}

export const passed = (version: Version): number => version.verdicts.filter((one) => one.verdict === "AC").length;

export const worst = (version: Version): string | null =>
  version.verdicts.length === 0 ? null : version.verdicts.find((one) => one.verdict !== "AC")?.verdict ?? "AC";
