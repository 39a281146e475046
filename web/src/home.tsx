// A problem comes in: pasted, dropped or bundled; its samples are looked over; then it is asked about.

import { useEffect, useState } from "preact/hooks";
import { get, post } from "./api";
import { useTitle } from "./address";
import { Ask } from "./ask";
import { keep, kept, NO_DRAFT, type Draft } from "./draft";
import { Fault, StatusWord, useAnswer } from "./parts";
import { addressOf, samplesOf } from "./runs";
import { Samples } from "./samples";
import type { Problem, ProblemLine, RunSummary, Status } from "./shapes";
import { count } from "./words";

export function Home() {
  const status = useAnswer(() => get<Status>("/api/status"), []);
  const [draft, setDraft] = useState<Draft>(kept);
  useTitle("Solve");
  useEffect(() => keep(draft), [draft]);

  return (
    <div class="page">
      {status.answer && !status.answer.judge.is_trusted && <p class="fault" role="alert">The judge failed its self-test: no verdict can be believed.</p>}
      <Fault of={status.fault} />
      {draft.problem === null
        ? <Reading draft={draft} onDraft={setDraft} limits={status.answer?.limits ?? null} />
        : <Prepared draft={draft} problem={draft.problem} onDraft={setDraft} status={status.answer} />}
      <Latest />
      {status.answer && <ServiceFoot status={status.answer} />}
    </div>
  );
}

interface ReadingProps { draft: Draft; onDraft: (draft: Draft) => void; limits: Status["limits"] | null }

function Reading({ draft, onDraft, limits }: ReadingProps) {
  const [fault, setFault] = useState<unknown>(null);
  const [isOver, setOver] = useState(false);
  const bodyBytes = limits?.body_bytes ?? 2_000_000;

  const read = async (text: string): Promise<void> => {
    setFault(null);
    try {
      onDraft({ text, ...(await post<{ problem: Problem; warnings: string[] }>("/api/problems", { text })) });
    } catch (refused) {
      setFault(refused);
    }
  };
  const take = async (file: File | undefined): Promise<void> => {
    if (!file) return;
    if (file.size > bodyBytes) return setFault(`${file.name} has ${count(file.size)} bytes, more than the ${count(bodyBytes)} that are taken`);
    const text = await file.text();
    onDraft({ ...draft, text });
    await read(text);
  };
  const pick = async (id: string): Promise<void> => {
    setFault(null);
    try {
      onDraft({ text: draft.text, problem: await get<Problem>(`/api/problems/${encodeURIComponent(id)}`), warnings: [] });
    } catch (refused) {
      setFault(refused);
    }
  };

  return (
    <section aria-labelledby="reading">
      <h2 id="reading">A problem</h2>
      <div class={`drop ${isOver ? "over" : ""}`}
        onDragOver={(event) => { event.preventDefault(); setOver(true); }}
        onDragLeave={() => setOver(false)}
        onDrop={(event) => { event.preventDefault(); setOver(false); void take(event.dataTransfer?.files[0]); }}>
        <textarea id="statement" aria-label="Statement" rows={12} spellcheck={false} value={draft.text}
          placeholder="Paste a statement with its samples, or problem.json; or drop a file here."
          onInput={(event) => onDraft({ ...draft, text: event.currentTarget.value })}
          onKeyDown={(event) => { if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) void read(draft.text); }} />
        <div class="line">
          <button type="button" class="main" disabled={draft.text.trim() === ""} onClick={() => void read(draft.text)}>Read it</button>
          <label class="file">or a file <input type="file" accept=".txt,.md,.json" onChange={(event) => void take(event.currentTarget.files?.[0])} /></label>
          <Bundled onPick={(id) => void pick(id)} />
        </div>
      </div>
      <Fault of={fault} />
    </section>
  );
}

function Bundled({ onPick }: { onPick: (id: string) => void }) {
  const { answer } = useAnswer(() => get<{ problems: ProblemLine[] }>("/api/problems?limit=200"), []);
  if (!answer || answer.problems.length === 0) return null;
  return (
    <label>or a bundled one{" "}
      <select aria-label="Bundled problem" value="" onChange={(event) => event.currentTarget.value && onPick(event.currentTarget.value)}>
        <option value="">choose …</option>
        {answer.problems.map((one) => <option value={one.id}>{`${one.title || one.id}${one.difficulty === null ? "" : ` · ${one.difficulty}`}`}</option>)}
      </select>
    </label>
  );
}

interface PreparedProps { draft: Draft; problem: Problem; onDraft: (draft: Draft) => void; status: Status | null }

function Prepared({ draft, problem, onDraft, status }: PreparedProps) {
  const change = (changed: Partial<Problem>): void => onDraft({ ...draft, problem: { ...problem, ...changed } });
  return (
    <>
      <section aria-labelledby="prepared">
        <div class="line">
          <h2 id="prepared">{problem.title || problem.id}</h2>
          <button type="button" class="plain" onClick={() => onDraft({ ...draft, problem: null })}>back to the text</button>
          <button type="button" class="plain" onClick={() => onDraft(NO_DRAFT)}>another problem</button>
        </div>
        {draft.warnings.map((warning) => <p class="warned">{warning}</p>)}
        <p class="note">{problem.limits.cpu_seconds} s of CPU time, {count(problem.limits.memory_bytes / 2 ** 20)} MiB{problem.tags.length > 0 && `, ${problem.tags.join(", ")}`}</p>
        <details class="unfold">
          <summary>Statement</summary>
          <Statement problem={problem} onChange={change} />
        </details>
        <Samples samples={problem.public_tests} limit={status?.limits.tests ?? 2000} onChange={(public_tests) => change({ public_tests })} />
      </section>
      {status && <Ask problem={problem} status={status} />}
    </>
  );
}

const FIELDS = [["statement", "Statement", 10], ["input_spec", "Input", 4], ["output_spec", "Output", 4], ["notes", "Notes", 2]] as const;

const Statement = ({ problem, onChange }: { problem: Problem; onChange: (changed: Partial<Problem>) => void }) => (
  <div class="fields">
    {FIELDS.map(([name, words, rows]) => (
      <label>{words}
        <textarea rows={rows} spellcheck={false} value={problem[name]} onInput={(event) => onChange({ [name]: event.currentTarget.value })} />
      </label>
    ))}
  </div>
);

function Latest() {
  const { answer } = useAnswer(() => get<{ runs: RunSummary[] }>("/api/runs?limit=5"), []);
  if (!answer || answer.runs.length === 0) return null;
  return (
    <section aria-labelledby="latest">
      <h2 id="latest">Latest runs</h2>
      <ul class="bare latest">
        {answer.runs.map((run) => (
          <li><a href={addressOf(run)}>{run.title || run.problem_id}</a> <StatusWord status={run.status} /> <span class="sub">{samplesOf(run)}</span></li>
        ))}
      </ul>
    </section>
  );
}

const ServiceFoot = ({ status }: { status: Status }) => (
  <p class="note foot">
    Engine: {status.engine.label || status.engine.identity}. Programs run in the judge's sandbox ({status.judge.isolation}). {status.queue.running} of {status.queue.max_running} solves
    {" "}are running, {status.queue.waiting} wait. Version {status.version}. Nothing leaves this machine but to the engine.
  </p>
);
