// A run, live or over: pipeline, plans, programs and verdicts, what each agent took.

import { useState } from "preact/hooks";
import { get, post } from "./api";
import { address, place, useTitle } from "./address";
import { CallDrawer } from "./call";
import { keep } from "./draft";
import { useRun } from "./following";
import { Facts, Fault, Role, StatusWord, Table, Text, useAnswer } from "./parts";
import { Pipeline } from "./pipeline";
import { Plans } from "./plans";
import type { RunDetail } from "./shapes";
import type { Note, Told } from "./told";
import { Versions } from "./versions";
import { count, LANGUAGES, plural, seconds, STOPS, TASKS, wanted } from "./words";

export function RunView({ id, call }: { id: string; call: number | null }) {
  const { told, isLinked } = useRun(id);
  const { answer: detail, fault } = useAnswer(() => get<RunDetail>(`/api/runs/${encodeURIComponent(id)}`), [id]);
  if (fault) return <div class="page"><Fault of={fault} /></div>;
  return (
    <div class="page">
      <section aria-labelledby="run">
        <Head id={id} told={told} detail={detail} />
        {!isLinked && !told.finished && <p class="warned" role="status">The line to the service is broken; it is tried again, and nothing is lost.</p>}
        <Outcome told={told} />
        <Pipeline told={told} run={id} />
        <Growing told={told} />
        {told.notes.map((note) => <p class={note.kind === "error" ? "fault" : "warned"}>{noted(note)}</p>)}
        <Failures told={told} run={id} />
      </section>
      <Versions told={told} tests={detail?.problem.public_tests ?? []} />
      <Plans told={told} run={id} />
      <Agents told={told} />
      {detail && <Asked detail={detail} />}
      {call !== null && <CallDrawer run={id} call={call} isThere={told.stages[call - 1]?.finished != null} onClose={() => place("runs", id)} />}
    </div>
  );
}

function Head({ id, told, detail }: { id: string; told: Told; detail: RunDetail | null }) {
  const [fault, setFault] = useState<unknown>(null);
  const title = detail?.title || told.started?.problem.title || detail?.problem_id || "…";
  useTitle(title);
  const status = told.finished?.status ?? (told.started ? "running" : detail?.status ?? "waiting");
  const cancel = (): void => void post(`/api/runs/${id}/cancel`, {}).catch(setFault);
  return (
    <>
      <div class="line">
        <h2 id="run">{title}</h2>
        <span role="status"><StatusWord status={status} /></span>
        {!told.finished && <button type="button" onClick={cancel}>Call it off</button>}
      </div>
      <p class="note wrap">
        {detail && `${TASKS[detail.task]}, k = ${detail.k}, t = ${detail.t}, ${LANGUAGES[detail.language] ?? detail.language}, ${detail.traversal}`}
        {status === "waiting" && detail?.position ? `; ${plural(detail.position, "run")} before it` : ""}
        {detail?.forked_from && <>; run on from an edited plan of <a href={address("runs", detail.forked_from)}>{detail.forked_from}</a></>}
      </p>
      <Fault of={fault} />
    </>
  );
}

function Outcome({ told }: { told: Told }) {
  const end = told.finished;
  if (!end) return null;
  const why = end.detail ?? (end.stop ? STOPS[end.stop] : undefined);
  return (
    <Facts rows={[
      ...(end.status === "answered" ? [] : [["samples passed", end.num_tests > 0 ? `${end.num_passed} of ${end.num_tests}` : "no program was tested"] as [string, string]]),
      ["calls", count(end.totals.calls)],
      ["tokens", `${count(end.totals.prompt_tokens)} read, ${count(end.totals.completion_tokens)} written`],
      ["time", seconds(end.totals.ms)],
      ...(end.totals.usd == null ? [] : [["cost", `$ ${end.totals.usd.toFixed(4)}`] as [string, string]]),
      ...(why ? [["why it ended", why] as [string, string]] : []),
    ]} />
  );
}

function Growing({ told }: { told: Told }) {
  const asking = told.asking;
  if (!asking) return null;
  return (
    <div class="growing">
      <p class="line"><Role agent={asking.agent} /> <span class="sub">{wanted(asking.call, asking.plan, asking.round)}</span></p>
      {asking.text && <Text text={asking.text} label="Reply as it is written" />}
    </div>
  );
}

const noted = (note: Note): string => {
  switch (note.kind) {
    case "budget.warning": return note.what === "seconds"
      ? `Most of the run's time is used: ${Math.round(note.used)} of ${Math.round(note.limit)} s.`
      : `A reply was cut at its limit of ${count(note.limit)} tokens.`;
    case "backend.retry": return `The engine is asked again in ${note.wait_seconds.toFixed(1)} s: ${note.reason}`;
    case "error": return `${note.error}: ${note.message}`;
  }
};

function Failures({ told, run }: { told: Told; run: string }) {
  const failed = told.stages.filter((stage) => stage.failure);
  if (failed.length === 0) return null;
  return (
    <ul class="bare failures" aria-label="Replies that could not be read">
      {failed.map(({ n, failure }) => (
        <li class="warned"><a href={address("runs", run, "calls", String(n))}>Call {n}</a> ({failure!.agent}) could not be read: {failure!.failure}, {failure!.detail}. {failure!.is_final ? "Given up." : "It was asked once more."}</li>
      ))}
    </ul>
  );
}

const Agents = ({ told }: { told: Told }) => (
  <section aria-labelledby="agents">
    <h2 id="agents">Agents</h2>
    <Table caption="What each agent took" head={["agent", "calls", "tokens read", "of these cached", "tokens written", "time", "unreadable"]}
      rows={told.agents().map(([agent, sum]) => [
        <Role agent={agent} />, count(sum.calls), count(sum.prompt_tokens), count(sum.cached_tokens), count(sum.completion_tokens), seconds(sum.ms), count(sum.num_unreadable ?? 0),
      ])} />
  </section>
);

function Asked({ detail }: { detail: RunDetail }) {
  const { problem } = detail;
  const again = (): void => {
    keep({ text: "", problem, warnings: [] });
    place("");
  };
  return (
    <section aria-label="Problem">
      <details class="unfold">
        <summary>The problem as it was asked</summary>
        <Text label="Statement" text={[problem.statement, problem.input_spec, problem.output_spec, problem.notes].filter(Boolean).join("\n\n")} />
      </details>
      <p class="line"><button type="button" onClick={again}>Change it and ask again</button>
        <a href={`/api/runs/${detail.id}/events?format=jsonl`}>its events</a></p>
    </section>
  );
}
