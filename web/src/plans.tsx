// The plans in the order of trial. One may be rewritten: a new run goes on from there.

import { useState } from "preact/hooks";
import { post } from "./api";
import { place } from "./address";
import { Fault, Text } from "./parts";
import type { Plan, Told } from "./told";

export function Plans({ told, run }: { told: Told; run: string }) {
  if (told.plans.size === 0) return null;
  const isSolve = told.started?.task === "solve";
  return (
    <section aria-labelledby="plans">
      <h2 id="plans">Plans</h2>
      {told.ranked.map((plan) => <OnePlan key={plan.plan} plan={plan} run={run} recalled={told.recalled?.exemplars[plan.plan]?.description ?? null} canFork={isSolve} />)}
    </section>
  );
}

interface OnePlanProps { plan: Plan; run: string; recalled: string | null; canFork: boolean }

function OnePlan({ plan, run, recalled, canFork }: OnePlanProps) {
  const [text, setText] = useState<string | null>(null);
  const [fault, setFault] = useState<unknown>(null);
  const fork = async (): Promise<void> => {
    setFault(null);
    try {
      place("runs", (await post<{ run: string }>(`/api/runs/${run}/fork`, { plan: plan.plan, text })).run);
    } catch (refused) {
      setFault(refused);
    }
  };
  return (
    <article class="step">
      <header>
        <h3>Plan {plan.plan + 1}</h3>
        <span class="sure">confidence {plan.confidence ?? "unknown"}</span>
        {plan.rank !== null && <span class="sub">number {plan.rank} in the order of trial</span>}
        {canFork && text === null && plan.text && <button type="button" class="plain" onClick={() => setText(plan.text)}>Edit</button>}
      </header>
      {recalled && <details class="unfold"><summary>Written after this recalled problem</summary><Text text={recalled} label="Recalled problem" /></details>}
      {text === null
        ? <Text text={plan.text} label={`Plan ${plan.plan + 1}`} />
        : (
          <div class="fields">
            <textarea aria-label={`Plan ${plan.plan + 1}, edited`} rows={Math.min(24, text.split("\n").length + 2)} value={text} onInput={(event) => setText(event.currentTarget.value)} />
            <div class="line">
              <button type="button" class="main" disabled={text.trim() === "" || text === plan.text} onClick={() => void fork()}>Run on from here</button>
              <button type="button" onClick={() => setText(null)}>Leave it as it was</button>
              <span class="note">What came before is replayed; what follows is asked anew.</span>
            </div>
            <Fault of={fault} />
          </div>
        )}
    </article>
  );
}
