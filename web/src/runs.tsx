// All runs of the service, the newest first, read in as the reader asks for more.

import { useEffect, useMemo, useState } from "preact/hooks";
import { get } from "./api";
import { address, useTitle } from "./address";
import { Fault, StatusWord } from "./parts";
import { Rows } from "./rows";
import type { RunSummary } from "./shapes";
import { count, LANGUAGES, plural, seconds, STATUSES, TASKS, when } from "./words";

const PAGE = 200;
const ROW = 62;
const LIVE = new Set(["waiting", "running"]);
const AGAIN_MS = 2000;

interface RunList { runs: RunSummary[]; next: string | null }

export function Runs() {
  useTitle("Runs");
  const [runs, setRuns] = useState<RunSummary[]>([]);
  const [next, setNext] = useState<string | null>("");
  const [fault, setFault] = useState<unknown>(null);
  const [words, setWords] = useState("");
  const [status, setStatus] = useState("");

  const more = async (): Promise<void> => {
    try {
      const found = await get<RunList>(`/api/runs?limit=${PAGE}${next ? `&before=${next}` : ""}`);
      setRuns((known) => merged(known, found.runs));
      setNext(found.next);
    } catch (refused) {
      setFault(refused);
    }
  };
  useEffect(() => void more(), []);
  useEffect(() => {
    if (!runs.some((run) => LIVE.has(run.status))) return undefined;
    const timer = setTimeout(() => void get<RunList>(`/api/runs?limit=${PAGE}`).then((found) => { setFault(null); setRuns((known) => merged(known, found.runs)); }, setFault), AGAIN_MS);
    return () => clearTimeout(timer);
  }, [runs, fault]);

  const shown = useMemo(() => runs.filter((run) => (status === "" || run.status === status) && `${run.title} ${run.problem_id} ${run.id}`.toLowerCase().includes(words.toLowerCase())), [runs, words, status]);
  return (
    <div class="page">
      <section aria-labelledby="runs">
        <div class="line">
          <h2 id="runs">Runs</h2>
          <input type="search" data-filter aria-label="Filter runs" placeholder="title or id" value={words} onInput={(event) => setWords(event.currentTarget.value)} />
          <select aria-label="Status" value={status} onChange={(event) => setStatus(event.currentTarget.value)}>
            <option value="">any status</option>
            {Object.entries(STATUSES).map(([name, said]) => <option value={name}>{said}</option>)}
          </select>
          <span class="sub" role="status">{count(shown.length)} of {count(runs.length)}{next ? " read so far" : ""}</span>
        </div>
        <Fault of={fault} />
        {runs.length === 0 && next === null && <p class="note">No run yet. <a href="#">Solve a problem.</a></p>}
        <Rows items={shown} height={ROW} room={680} label="Runs" keyOf={(run) => run.id} draw={(run) => <RunRow run={run} />} />
        {next && <button type="button" onClick={() => void more()}>Read older runs</button>}
      </section>
    </div>
  );
}

const merged = (known: RunSummary[], found: RunSummary[]): RunSummary[] => {
  const all = new Map([...known, ...found].map((run) => [run.id, run]));
  return [...all.values()].sort((one, other) => (one.id < other.id ? 1 : -1));
};

export const addressOf = (run: RunSummary): string => address(run.task === "hint" ? "hints" : "runs", run.id);

// Hints and plans are not tested, and are not said to have failed a test.
export const samplesOf = (run: RunSummary): string => (run.task === "hint" || run.task === "plan" ? "" : `${run.num_passed} of ${plural(run.num_tests, "sample")}`);

const RunRow = ({ run }: { run: RunSummary }) => (
  <a class="run-row" href={addressOf(run)}>
    <span class="names"><span class="title">{run.title || run.problem_id}</span>
      <span class="sub">{when(run.created)} · {TASKS[run.task]} · k = {run.k}, t = {run.t} · {LANGUAGES[run.language] ?? run.language}{run.source === "chat" ? " · chat" : ""}{run.forked_from ? " · run on from an edited plan" : ""}</span></span>
    <span class="side"><StatusWord status={run.status} />
      <span class="sub">{[samplesOf(run), ...(run.calls > 0 ? [`${count(run.tokens)} tokens`, seconds(run.ms)] : [])].filter(Boolean).join(" · ")}</span></span>
  </a>
);
