// What one evaluation says: accuracy with intervals, overall, by tag and rating; format failures.

import { useMemo } from "preact/hooks";
import { get } from "./api";
import { useTitle } from "./address";
import { Findings } from "./findings";
import { Big, Rated, said } from "./interval";
import { Facts, Fault, Role, Table, useAnswer } from "./parts";
import { Plot, type Plotted } from "./plot";
import { AGENTS, type LabelScore, type Metrics } from "./shapes";
import { count, percent, plural, STOPS, VERDICTS } from "./words";

export function Measured({ name }: { name: string }) {
  useTitle(name);
  const { answer, fault } = useAnswer(() => get<Metrics>(`/api/evaluations/${encodeURIComponent(name)}`), [name]);
  return (
    <div class="page">
      <section aria-labelledby="measured">
        <h2 id="measured">{name}</h2>
        <Fault of={fault} />
        {!answer && !fault && <p class="note" role="status">It is being counted …</p>}
        {answer && <Numbers metrics={answer} />}
      </section>
      {answer && answer.ratings.length > 0 && <Ratings scores={answer.ratings} />}
      {answer && answer.tags.length > 0 && <Tags scores={answer.tags} />}
      {answer && <Format metrics={answer} />}
      {answer && <Counts metrics={answer} />}
      {answer && <Findings name={name} calibration={answer.calibration} />}
      <p class="note foot">Every trajectory and more plots stand in the self-contained report: <code>mapcoder report RUN --html report.html</code>.</p>
    </div>
  );
}

const Numbers = ({ metrics }: { metrics: Metrics }) => (
  <>
    <p class="note wrap">{metrics.engine}</p>
    <div class="tiles">
      {metrics.passed && <Big name="pass@1" rate={metrics.passed} what="On the hidden tests." />}
      {metrics.passed_sound && metrics.num_defective > 0 && <Big name="pass@1, sound problems" rate={metrics.passed_sound} what={`Without ${plural(metrics.num_defective, "problem")} whose tests have a known defect.`} series={2} />}
      <Big name="samples passed" rate={metrics.public} what="Public tests only; they were shown to the agents." series={5} />
    </div>
    <Facts rows={[
      ["problems", count(metrics.num_problems)],
      ["attempts done", `${count(metrics.num_solved_units)} of ${count(metrics.num_units)}`],
      ...(metrics.num_ungraded > 0 ? [["not graded", count(metrics.num_ungraded)] as [string, string]] : []),
      ...(metrics.num_errors > 0 ? [["owed, through a fault of the house", count(metrics.num_errors)] as [string, string]] : []),
      ["an attempt takes", `${metrics.costs.calls.toFixed(1)} calls, ${count(metrics.costs.prompt_tokens)} tokens read, ${count(metrics.costs.completion_tokens)} written, ${metrics.costs.seconds.toFixed(1)} s`],
      ...metrics.pass_at_k.filter((one) => one.k > 1).map((one) => [`pass@${one.k}`, percent(one.raw.mean) + (one.sound && metrics.num_defective > 0 ? `; ${percent(one.sound.mean)} of sound problems` : "")] as [string, string]),
    ]} />
  </>
);

// Ratings have an order, so they are plotted; tags have none, and a line each is easier to read.
function Ratings({ scores }: { scores: LabelScore[] }) {
  const plotted = useMemo(() => byRating(scores), [scores]);
  return (
    <section aria-labelledby="ratings">
      <h2 id="ratings">By rating</h2>
      <div class="two">
        <div class="confidence"><Plot title="pass@1 by rating" plotted={plotted} /></div>
        <Table kind="numbers broken" caption="pass@1 by rating" head={["rating", "problems", "pass@1 (95 % interval)"]} rows={scores.map((one) => [one.label, count(one.num_problems), said(one.passed)])} />
      </div>
    </section>
  );
}

const byRating = (scores: LabelScore[]): Plotted => ({
  points: scores.map(({ label, num_problems, passed }, x) => ({ x, passed, mark: `n ${count(num_problems)}`, words: `${label}, ${plural(num_problems, "problem")}: ${said(passed)}.` })),
  x: { low: -0.5, high: scores.length - 0.5, ticks: scores.map((_, at) => at), name: (tick) => scores[tick]?.label ?? "", label: "rating" },
  hasIdeal: false,
  height: 250,
});

const Tags = ({ scores }: { scores: LabelScore[] }) => (
  <section aria-labelledby="tags">
    <h2 id="tags">By tag</h2>
    <Table kind="numbers gauged broken" caption="pass@1 by tag" head={["", "problems", "pass@1 (95 % interval)"]}
      rows={scores.map((one) => [one.label, count(one.num_problems), <Rated rate={one.passed} />])} />
  </section>
);

const Format = ({ metrics }: { metrics: Metrics }) => (
  <section aria-labelledby="format">
    <h2 id="format">Replies that could not be read</h2>
    <p class="note">{count(metrics.num_unreadable)} of {plural(metrics.num_solved_units, "attempt")} had at least one.</p>
    <Table kind="numbers gauged" caption="Format failures of each agent" head={["agent", "calls", "unreadable", "kinds", "share (95 % interval)"]}
      rows={AGENTS.flatMap((agent) => {
        const found = metrics.roles[agent];
        if (!found) return [];
        const rate = { num_passed: found.num_failures, num_total: found.num_calls, low: found.low, high: found.high };
        return [[<Role agent={agent} />, count(found.num_calls), count(found.num_failures), Object.entries(found.kinds).map(([kind, number]) => `${kind} ${count(number)}`).join(", ") || "–", <Rated rate={rate} series={1} />]];
      })} />
  </section>
);

const Counts = ({ metrics }: { metrics: Metrics }) => (
  <section aria-label="Verdicts and ends" class="two">
    <Table caption="Verdicts on the hidden tests" head={["verdict", "attempts"]} rows={Object.entries(metrics.verdicts).map(([name, number]) => [`${name}${VERDICTS[name] ? `, ${VERDICTS[name]}` : ""}`, count(number)])} />
    <Table caption="How attempts ended" head={["end", "attempts"]} rows={Object.entries(metrics.stops).map(([name, number]) => [STOPS[name] ?? name, count(number)])} />
  </section>
);
