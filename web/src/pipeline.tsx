// The agents as a graph: what was recalled leads to plans, a plan to programs, a program to its corrections.
// Every question is a node that opens its call; every program a node that shows its verdict.

import { address } from "./address";
import { Chip } from "./parts";
import { passed, type Plan, type Stage, type Told, type Version, worst } from "./told";
import { seconds } from "./words";

export function Pipeline({ told, run }: { told: Told; run: string }) {
  const loose = told.stages.filter((stage) => stage.plan === null);
  const lanes = told.ranked.length > 0 ? told.ranked : [...new Set(told.stages.map((stage) => stage.plan))].filter((plan) => plan !== null).map((plan) => ({ plan, rank: null, confidence: null, text: "" }));
  const adrift = told.versions.filter((version) => version.code.plan === null);
  return (
    <div class="scroll graph" tabIndex={0} role="region" aria-label="Pipeline">
      {loose.length + adrift.length > 0 && <ol class="lane"><Nodes stages={loose} versions={adrift} run={run} /></ol>}
      {lanes.length > 0 && (
        <ol class="lanes">
          {lanes.map((lane) => (
            <li key={lane.plan} class="branch">
              <span class="fork" aria-hidden="true" />
              <ol class="lane"><LaneHead lane={lane} /><Nodes stages={told.stages.filter((stage) => stage.plan === lane.plan)} versions={told.versions.filter((one) => one.code.plan === lane.plan)} run={run} /></ol>
            </li>
          ))}
        </ol>
      )}
    </div>
  );
}

const LaneHead = ({ lane }: { lane: Plan }) => (
  <li class="lane-head">
    <strong>Plan {lane.plan + 1}</strong>
    <span class="sub">{lane.rank !== null && `tried ${ordinal(lane.rank)}, `}confidence {lane.confidence ?? "unknown"}</span>
    <span class="meter" aria-hidden="true"><span style={{ width: `${lane.confidence ?? 0}%` }} /></span>
  </li>
);

const ordinal = (rank: number): string => ["first", "second", "third"][rank - 1] ?? `as number ${rank}`;

// A program stands right after the question that wrote it: both have the same plan and round.
function Nodes({ stages, versions, run }: { stages: Stage[]; versions: Version[]; run: string }) {
  const rounds = [...new Set([...stages.map((one) => one.round), ...versions.map((one) => one.code.round)])].sort((one, other) => one - other);
  return (
    <>
      {rounds.flatMap((round) => [
        ...stages.filter((one) => one.round === round).map((stage) => <Question key={`s${stage.n}`} stage={stage} run={run} />),
        ...versions.filter((one) => one.code.round === round).map((version) => <Program key={`v${version.code.version}`} version={version} />),
      ])}
    </>
  );
}

function Question({ stage, run }: { stage: Stage; run: string }) {
  const { finished } = stage;
  const state = !finished ? "asking" : finished.format_ok ? "read" : "unread";
  return (
    <li>
      <a class={`node r-${stage.agent} ${state}`} href={finished ? address("runs", run, "calls", String(stage.n)) : undefined} title={SAID[state]}>
        <span class="what">{stage.call}{stage.round > 0 && ` ${stage.round}`}{stage.ask > 1 && ", again"}</span>
        <span class="sub">{finished ? `${seconds(finished.ms)} · ${finished.usage.completion_tokens}` : "asked …"}{state === "unread" && " · unreadable"}</span>
      </a>
    </li>
  );
}

const SAID = { asking: "the agent writes", read: "open the call", unread: "the reply could not be read; open the call" };

const Program = ({ version }: { version: Version }) => (
  <li>
    <button type="button" class="node r-judge" title="show the program" onClick={() => show(version.code.version)}>
      <span class="what">program {version.code.version}</span>
      <span><Chip verdict={worst(version)} /> <span class="sub">{passed(version)} of {version.verdicts.length}</span></span>
    </button>
  </li>
);

const show = (version: number): void => {
  dispatchEvent(new CustomEvent("show-version", { detail: version }));
  document.getElementById("versions")?.scrollIntoView({ block: "start" });
};
