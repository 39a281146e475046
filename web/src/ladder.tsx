// The hint ladder: kind of problem, idea, plan, program; each step only when the reader asks for it,
// and nothing is asked of a model before.

import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { get, post } from "./api";
import { address, useTitle } from "./address";
import { Code } from "./code";
import { useRun } from "./following";
import { Fault, StatusWord, Text, useAnswer } from "./parts";
import type { RunDetail, SolveBody } from "./shapes";
import type { Told } from "./told";

interface Climbed { steps: number; plan: string | null; program: string | null }

const keyOf = (run: string): string => `mapcoder-ladder-${run}`;
const climbed = (run: string): Climbed => JSON.parse(sessionStorage.getItem(keyOf(run)) ?? '{"steps":1,"plan":null,"program":null}') as Climbed;

export function Ladder({ run }: { run: string }) {
  const [at, setAt] = useState<Climbed>(() => climbed(run));
  const [fault, setFault] = useState<unknown>(null);
  const { answer: detail, fault: unknown } = useAnswer(() => get<RunDetail>(`/api/runs/${encodeURIComponent(run)}`), [run]);
  useTitle(`Hints: ${detail?.title ?? "…"}`);
  const hint = useRun(run).told;
  const plan = useRun(at.plan);
  const program = useRun(at.program);

  const step = (changed: Partial<Climbed>): void => {
    const next = { ...at, ...changed };
    sessionStorage.setItem(keyOf(run), JSON.stringify(next));
    setAt(next);
  };
  const ask = async (task: "plan" | "solve"): Promise<void> => {
    if (!detail) return;
    setFault(null);
    try {
      const body: SolveBody = { problem: detail.problem, task, language: detail.language, ...(task === "plan" ? { k: 1, t: 0 } : {}) };
      const begun = await post<{ run: string }>("/api/solve", body);
      step(task === "plan" ? { steps: 3, plan: begun.run } : { steps: 4, program: begun.run });
    } catch (refused) {
      setFault(refused);
    }
  };

  if (unknown) return <div class="page"><Fault of={unknown} /></div>;
  return (
    <div class="page">
      <section aria-labelledby="ladder">
        <h2 id="ladder">{detail?.title ?? "…"}</h2>
        <p class="note">Four steps, each of which tells more. Nothing further is asked before you ask for it.</p>
        <ol class="ladder">
          <Rung name="Kind of problem" isOpen>{<Kind told={hint} />}</Rung>
          <Rung name="Idea" isOpen={at.steps >= 2} onOpen={hint.recalled ? () => step({ steps: 2 }) : undefined}><Idea told={hint} /></Rung>
          <Rung name="Plan" isOpen={at.steps >= 3} onOpen={at.steps === 2 ? () => void ask("plan") : undefined}><Planned told={plan.told} run={at.plan} /></Rung>
          <Rung name="Program" isOpen={at.steps >= 4} onOpen={at.steps === 3 ? () => void ask("solve") : undefined}><Solved told={program.told} run={at.program} /></Rung>
        </ol>
        <Fault of={fault ?? plan.refused ?? program.refused} />
      </section>
    </div>
  );
}

interface RungProps { name: string; isOpen: boolean; onOpen?: (() => void) | undefined; children: ComponentChildren }

const Rung = ({ name, isOpen, onOpen, children }: RungProps) => (
  <li class="step">
    <header><h3>{name}</h3>{!isOpen && <button type="button" disabled={!onOpen} onClick={onOpen}>Show</button>}</header>
    {isOpen && children}
  </li>
);

const Waiting = ({ told }: { told: Told }) => (told.finished
  ? <p class="warned">None came: {told.finished.detail ?? told.finished.stop ?? told.finished.status}.</p>
  : <p class="note" role="status">The agent writes …</p>);

const Kind = ({ told }: { told: Told }) => (told.recalled ? <Text text={told.recalled.algorithm} label="Kind of problem" /> : <Waiting told={told} />);

function Idea({ told }: { told: Told }) {
  const [first] = told.recalled?.exemplars ?? [];
  if (!first) return <Waiting told={told} />;
  return <><h4>A similar problem</h4><Text text={first.description} label="A similar problem" /><h4>How it is solved</h4><Text text={first.planning} label="How it is solved" /></>;
}

function Planned({ told, run }: { told: Told; run: string | null }) {
  const [plan] = told.ranked;
  if (!plan?.text) return <Waiting told={told} />;
  return <><Text text={plan.text} label="Plan" />{run && <p class="sub"><a href={address("runs", run)}>how it came about</a></p>}</>;
}

function Solved({ told, run }: { told: Told; run: string | null }) {
  const end = told.finished;
  return (
    <>
      {end && <p><StatusWord status={end.status} /> <span class="sub">{end.num_passed} of {end.num_tests} samples</span></p>}
      {end?.program ? <Code program={end.program} language={end.language} /> : <Waiting told={told} />}
      {run && <p class="sub"><a href={address("runs", run)}>watch the run</a></p>}
    </>
  );
}
