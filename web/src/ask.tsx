// What is asked about a problem, and how hard it is tried.

import { useEffect, useState } from "preact/hooks";
import { post } from "./api";
import { place } from "./address";
import { Chip, Fault } from "./parts";
import type { Judgement, Problem, SolveBody, Status, Task } from "./shapes";
import { LANGUAGES } from "./words";

type Effort = "paper" | "quick" | "own";

export function Ask({ problem, status }: { problem: Problem; status: Status }) {
  const [effort, setEffort] = useState<Effort>("paper");
  const [k, setK] = useState(status.defaults.k);
  const [t, setT] = useState(status.defaults.t);
  const [language, setLanguage] = useState(status.defaults.language);
  const [program, setProgram] = useState("");
  const [judgement, setJudgement] = useState<Judgement | null>(null);
  const [fault, setFault] = useState<unknown>(null);
  const [isBusy, setBusy] = useState(false);

  const busily = async (work: () => Promise<void>): Promise<void> => {
    setBusy(true);
    setFault(null);
    try {
      await work();
    } catch (refused) {
      setFault(refused);
    }
    setBusy(false);
  };
  const ask = (task: Task): Promise<void> => busily(async () => {
    const body: SolveBody = { problem, task, language, ...(effort === "own" ? { k, t } : { effort }), ...(task === "debug" ? { program } : {}) };
    const { run } = await post<{ run: string }>("/api/solve", body);
    place(task === "hint" ? "hints" : "runs", run);
  });
  const judge = (): Promise<void> => busily(async () => setJudgement(await post<Judgement>("/api/judge", { problem, program, language })));

  useEffect(() => {
    const press = (event: KeyboardEvent): void => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !isBusy) void ask("solve");
    };
    document.addEventListener("keydown", press);
    return () => document.removeEventListener("keydown", press);
  });

  return (
    <section aria-label="Ask">
      <div class="settings">
        <label>Effort{" "}
          <select value={effort} onChange={(event) => setEffort(event.currentTarget.value as Effort)}>
            <option value="paper">{`as configured (k = ${status.defaults.k}, t = ${status.defaults.t})`}</option>
            <option value="quick">quick (k = 1, t = 2)</option>
            <option value="own">own k and t</option>
          </select>
        </label>
        {effort === "own" && <Count name="k" title="problems recalled, hence plans" value={k} low={1} high={20} onChange={setK} />}
        {effort === "own" && <Count name="t" title="debug rounds of each plan" value={t} low={0} high={50} onChange={setT} />}
        <label>Language{" "}
          <select value={language} onChange={(event) => setLanguage(event.currentTarget.value)}>
            {status.languages.map((one) => <option value={one}>{LANGUAGES[one] ?? one}</option>)}
          </select>
        </label>
      </div>
      <div class="line">
        <button type="button" class="main" disabled={isBusy} onClick={() => void ask("solve")}>Solve</button>
        <button type="button" disabled={isBusy} onClick={() => void ask("hint")}>A hint only</button>
        <button type="button" disabled={isBusy} onClick={() => void ask("plan")}>Plans only</button>
      </div>
      <Fault of={fault} />
      <details class="unfold">
        <summary>My own program</summary>
        <div class="fields">
          <textarea aria-label="Program" rows={10} spellcheck={false} value={program} onInput={(event) => { setProgram(event.currentTarget.value); setJudgement(null); }} />
          <div class="line">
            <button type="button" disabled={isBusy || program.trim() === ""} onClick={() => void judge()}>Judge it</button>
            <button type="button" disabled={isBusy || program.trim() === ""} onClick={() => void ask("debug")}>Have it debugged</button>
            {judgement && <Judged judgement={judgement} />}
          </div>
        </div>
      </details>
    </section>
  );
}

const Judged = ({ judgement }: { judgement: Judgement }) => (
  <span role="status"><Chip verdict={judgement.verdict} /> {judgement.compilation.is_ok
    ? judgement.results.map((one, at) => <span class="sub"> {at + 1}: {one.verdict}</span>)
    : <span class="sub">{judgement.compilation.log.slice(0, 300)}</span>}
  </span>
);

interface CountProps { name: string; title: string; value: number; low: number; high: number; onChange: (value: number) => void }

const Count = ({ name, title, value, low, high, onChange }: CountProps) => (
  <label title={title}>{name}{" "}
    <input type="number" min={low} max={high} value={value} onChange={(event) => onChange(Math.min(high, Math.max(low, Math.round(event.currentTarget.valueAsNumber || low))))} />
  </label>
);
