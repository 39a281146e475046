// What the trajectories of one evaluation show: what confidences are worth, which agent mends failures,
// what became of every problem.

import { useState } from "preact/hooks";
import { get, Refusal } from "./api";
import { said, share } from "./interval";
import { Chip, Fault, Table, useAnswer } from "./parts";
import { Rows } from "./rows";
import { AGENTS, type Attributed, type Calibration, type ConfidenceBin, type Mean, type ProblemResult, type Reliability, type Scored } from "./shapes";
import { count, percent, plural } from "./words";

const about = (name: string, what: string): string => `/api/evaluations/${encodeURIComponent(name)}/${what}`;

// Not every run was attributed; that is no fault.
const isMissing = (fault: unknown): boolean => fault instanceof Refusal && fault.status === 404;

export function Findings({ name, calibration }: { name: string; calibration: Calibration | null }) {
  const roles = useAnswer(() => get<Attributed>(about(name, "attribution")), [name]);
  const { hidden, public: seen } = calibration ?? { hidden: null, public: null };
  return (
    <>
      {(hidden || seen) && (
        <section aria-label="Confidence" class="two">
          {hidden && <Confidence title="Confidence of submitted plans" note="Against the hidden tests: of every graded attempt the plan whose program was submitted." found={hidden} />}
          {seen && <Confidence title="Confidence of tried plans" note="Against the samples: every plan that was tried. The surest is tried first, so the less sure ones come of harder problems." found={seen} />}
        </section>
      )}
      {!isMissing(roles.fault) && <Fault of={roles.fault} />}
      {roles.answer && <Menders found={roles.answer} />}
      <Problems name={name} />
    </>
  );
}

const estimate = (found: Scored | null): string =>
  found === null ? "–" : `${found.value.toFixed(3)}${found.low === null || found.high === null ? "" : ` (${found.low.toFixed(3)} to ${found.high.toFixed(3)})`}`;

const told = (bins: ConfidenceBin[]): ConfidenceBin[] => bins.filter((bin) => bin.passed.num_total > 0);

const Confidence = ({ title, note, found }: { title: string; note: string; found: Reliability }) => (
  <figure class="confidence">
    <figcaption><h3>{title}</h3><p class="note">{note} On the line, confidence means what it says.</p></figcaption>
    <Diagram title={title} bins={told(found.bins)} />
    <p class="note">{plural(found.num_plans, "plan")}. Brier {estimate(found.brier)}, of the base rate {found.brier_of_base.toFixed(3)}; calibration error {estimate(found.error)}; AUROC {estimate(found.auroc)}.</p>
    <details class="unfold">
      <summary>Numbers</summary>
      <Table caption={title} head={["stated", "mean", "passed", "of", "share (95 % interval)"]}
        rows={told(found.bins).map((bin) => [`${bin.low} to ${bin.high}`, percent(bin.mean_confidence), count(bin.passed.num_passed), count(bin.passed.num_total), said(bin.passed)])} />
    </details>
  </figure>
);

const [LEFT, RIGHT, TOP, BOTTOM] = [40, 388, 34, 234];
const across = (part: number): number => LEFT + part * (RIGHT - LEFT);
const up = (part: number): number => BOTTOM - part * (BOTTOM - TOP);
const TICKS = [0, 0.25, 0.5, 0.75, 1];

const Diagram = ({ title, bins }: { title: string; bins: ConfidenceBin[] }) => (
  <svg class="drawing" viewBox="0 0 400 274" role="img" aria-label={`${title}. The numbers stand in the table below.`}>
    {TICKS.map((tick) => (
      <g>
        <line class="grid" x1={LEFT} x2={RIGHT} y1={up(tick)} y2={up(tick)} />
        <text class="tick" x={LEFT - 6} y={up(tick) + 4} text-anchor="end">{100 * tick}</text>
        <text class="tick" x={across(tick)} y={BOTTOM + 16} text-anchor="middle">{100 * tick}</text>
      </g>
    ))}
    <line class="ideal" x1={across(0)} y1={up(0)} x2={across(1)} y2={up(1)} />
    <text class="tick" x={RIGHT} y={BOTTOM + 34} text-anchor="end">stated confidence, %</text>
    <text class="tick" x={2} y={11}>passed, %</text>
    <g class="series s0">{bins.map((bin) => <Dot bin={bin} />)}</g>
  </svg>
);

function Dot({ bin: { mean_confidence, passed } }: { bin: ConfidenceBin }) {
  const [x, y] = [across(mean_confidence ?? 0), up(share(passed) ?? 0)];
  return (
    <g>
      {passed.low !== null && passed.high !== null && <line class="interval" x1={x} x2={x} y1={up(passed.low)} y2={up(passed.high)} />}
      <circle cx={x} cy={y} r="4.5" />
      <text class="tick" x={x} y={TOP - 8} text-anchor="middle">n {passed.num_total}</text>
    </g>
  );
}

const MOST_TAGS = 20;

function Menders({ found: { table, is_current } }: { found: Attributed }) {
  const all = { tag: "all failures", num_failures: table.num_failures, shares: Object.fromEntries(table.roles.map(({ role, share: part }) => [role, part])) };
  const kind = table.is_partial ? "the gain along the pipeline's order, one of 24 orders" : "its Shapley share";
  return (
    <section aria-labelledby="menders">
      <h2 id="menders">Which agent mends the failures</h2>
      {!is_current && <p class="warned">The run has changed since: this speaks of an earlier state of it.</p>}
      <p class="note">
        An agent's part in what a teacher mends: {kind}, as a mean over {count(table.num_failures)} of {plural(table.num_failed, "failure")}, {plural(table.num_replays, "replay")} of each set of agents.
        Mended by one agent alone {count(table.num_alone)}, only by several {count(table.num_together)}, by drawing again {count(table.num_by_luck)}, by nothing {count(table.num_unmended)}.
      </p>
      <Table kind="numbers heated" caption="Part of each agent (95 % interval)" head={["", "failures", ...AGENTS]}
        rows={[all, ...table.tags.slice(0, MOST_TAGS)].map(({ tag, num_failures, shares }) => [tag, count(num_failures), ...AGENTS.map((agent) => <Heat part={shares[agent]} />)])} />
    </section>
  );
}

function Heat({ part }: { part: Mean | undefined }) {
  if (!part) return <>–</>;
  const strength = Math.round(Math.min(75, 4 + 90 * Math.abs(part.mean)));
  const reach = part.low === null || part.high === null ? "no interval" : `${part.low.toFixed(2)} to ${part.high.toFixed(2)}`;
  return (
    <span class="heat-cell" title={reach} style={{ background: `color-mix(in srgb, var(${part.mean < 0 ? "--s1" : "--s0"}) ${strength}%, transparent)` }}>
      {part.mean.toFixed(2).replace("-", "−")}
    </span>
  );
}

function Problems({ name }: { name: string }) {
  const { answer, fault } = useAnswer(() => get<{ problems: ProblemResult[]; total: number }>(about(name, "problems?limit=1000")), [name]);
  const [words, setWords] = useState("");
  const all = answer?.problems ?? [];
  const shown = all.filter((one) => [one.id, one.title, ...one.tags, ...one.attempts.flatMap((attempt) => [attempt.verdict ?? "", attempt.failure ?? ""])].join(" ").toLowerCase().includes(words.toLowerCase()));
  return (
    <section aria-labelledby="problems">
      <div class="line">
        <h2 id="problems">Problems</h2>
        <input type="search" data-filter aria-label="Filter problems" placeholder="title, tag, verdict or failure" value={words} onInput={(event) => setWords(event.currentTarget.value)} />
        {answer && <span class="sub">{count(shown.length)} shown</span>}
      </div>
      <Fault of={fault} />
      {answer && answer.total > all.length && <p class="note">The first {count(all.length)} of {count(answer.total)}.</p>}
      <Rows items={shown} height={62} room={496} label="Problems" keyOf={(one) => one.id} draw={(one) => (
        <div class="run-row">
          <span class="names"><span class="title">{one.title || one.id}</span><span class="sub">{[...one.tags, one.difficulty === null ? "" : `rated ${one.difficulty}`].filter(Boolean).join(", ")}</span></span>
          <span class="side">
            <span>{one.attempts.slice(0, 6).map((attempt) => <Chip verdict={attempt.verdict} />)}</span>
            <span class="sub">{[...new Set(one.attempts.map((attempt) => attempt.failure).filter((failure) => failure !== null))].map((failure) => failure.replaceAll("_", " ")).join(", ")}</span>
          </span>
        </div>
      )} />
    </section>
  );
}
