// The run directories of `mapcoder run`; one is looked at, two are compared.

import { useState } from "preact/hooks";
import { get } from "./api";
import { address, place, useTitle } from "./address";
import { Fault, useAnswer } from "./parts";
import { Rows } from "./rows";
import type { Evaluation } from "./shapes";
import { count, plural } from "./words";

export function Evaluations() {
  useTitle("Evaluations");
  const { answer, fault } = useAnswer(() => get<{ evaluations: Evaluation[] }>("/api/evaluations"), []);
  const [words, setWords] = useState("");
  const [chosen, choose] = useState<string[]>([]);
  const all = answer?.evaluations ?? [];
  const shown = all.filter((one) => `${one.name} ${one.engine ?? ""}`.toLowerCase().includes(words.toLowerCase()));
  const toggle = (name: string): void => choose(chosen.includes(name) ? chosen.filter((one) => one !== name) : [...chosen, name].slice(-2));
  return (
    <div class="page">
      <section aria-labelledby="evaluations">
        <div class="line">
          <h2 id="evaluations">Evaluations</h2>
          <input type="search" data-filter aria-label="Filter evaluations" placeholder="name or engine" value={words} onInput={(event) => setWords(event.currentTarget.value)} />
          <button type="button" disabled={chosen.length !== 2} onClick={() => place("evaluations", "compare", ...chosen)}>Compare the two that are ticked</button>
        </div>
        <Fault of={fault} />
        {answer && all.length === 0 && <p class="note">There is none yet: <code>mapcoder run</code> makes one.</p>}
        <Rows items={shown} height={62} room={680} label="Evaluations" keyOf={(one) => one.name} draw={(one) => (
          <div class="run-row">
            <span class="names">
              <span class="title"><input type="checkbox" aria-label={`Compare ${one.name}`} checked={chosen.includes(one.name)} disabled={one.fault !== null} onChange={() => toggle(one.name)} /> {one.fault === null ? <a href={address("evaluations", one.name)}>{one.name}</a> : one.name}</span>
              <span class="sub">{one.fault ?? one.engine}</span>
            </span>
            <span class="side"><span>{plural(one.num_problems, "problem")}</span><span class="sub">{one.num_samples > 1 && `${count(one.num_samples)} samples each, `}{one.is_finished ? "finished" : "not finished"}</span></span>
          </div>
        )} />
      </section>
    </div>
  );
}
