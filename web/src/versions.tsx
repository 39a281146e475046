// The programs of a run: each whole or as what it changed, with the verdict on every sample.

import { useEffect, useMemo, useState } from "preact/hooks";
import { Code, Diff } from "./code";
import { Chip, Text } from "./parts";
import { Rows } from "./rows";
import type { Sample, TestVerdict } from "./shapes";
import { passed, type Told, type Version, worst } from "./told";
import { count, seconds, VERDICTS } from "./words";

const ROW = 34;

export function Versions({ told, tests }: { told: Told; tests: Sample[] }) {
  const { versions } = told;
  const [chosen, choose] = useState<number | null>(null);
  const number = Math.min(chosen ?? told.finished?.version ?? versions.length, versions.length);
  const version = versions[number - 1];

  useEffect(() => {
    const shown = (event: Event): void => choose((event as CustomEvent<number>).detail);
    const press = (event: KeyboardEvent): void => {
      if ((event.target as HTMLElement).closest("input, textarea, select, dialog")) return;
      if (event.key === "[") choose(Math.max(1, number - 1));
      if (event.key === "]") choose(Math.min(versions.length, number + 1));
    };
    addEventListener("show-version", shown);
    document.addEventListener("keydown", press);
    return () => { removeEventListener("show-version", shown); document.removeEventListener("keydown", press); };
  });

  if (!version) return null;
  return (
    <section aria-labelledby="versions">
      <h2 id="versions">Programs</h2>
      <div class="group" role="group" aria-label="Versions">
        {versions.map((one) => (
          <button type="button" class="switch" aria-current={one === version ? "true" : undefined} onClick={() => choose(one.code.version)}>
            {one.code.version} <Chip verdict={worst(one)} />
          </button>
        ))}
      </div>
      <One version={version} isFinal={told.finished?.version === number} tests={tests} />
    </section>
  );
}

function One({ version, isFinal, tests }: { version: Version; isFinal: boolean; tests: Sample[] }) {
  const { code } = version;
  const [isWhole, setWhole] = useState(false);
  const hasDiff = code.diff !== null && code.diff !== "";
  return (
    <>
      <div class="line">
        <span class="note">
          Program {code.version}{code.plan !== null && ` of plan ${code.plan + 1}`}{code.round > 0 && `, after debug round ${code.round}`}: {passed(version)} of {version.verdicts.length} samples passed{isFinal && "; the one to submit"}{code.is_repeat && "; it was judged before"}
        </span>
        {hasDiff && (
          <span class="group" role="group" aria-label="Shown">
            <button type="button" class="switch" aria-current={isWhole ? undefined : "true"} onClick={() => setWhole(false)}>what changed</button>
            <button type="button" class="switch" aria-current={isWhole ? "true" : undefined} onClick={() => setWhole(true)}>whole</button>
          </span>
        )}
        <button type="button" class="plain" onClick={() => void navigator.clipboard.writeText(code.program)}>copy</button>
      </div>
      <div class="beside">
        {hasDiff && !isWhole ? <Diff diff={code.diff!} language={code.language} /> : <Code program={code.program} language={code.language} />}
        <Verdicts key={code.version} verdicts={version.verdicts} tests={tests} />
      </div>
    </>
  );
}

function Verdicts({ verdicts, tests }: { verdicts: TestVerdict[]; tests: Sample[] }) {
  const [words, setWords] = useState("");
  const [kind, setKind] = useState("");
  const [opened, open] = useState<number | null>(null);
  const kinds = [...new Set(verdicts.map((one) => one.verdict))];
  const shown = useMemo(() => verdicts.filter((one) => (kind === "" || one.verdict === kind) && holds(one, tests[one.test ?? -1], words)), [verdicts.length, tests, words, kind]);
  const at = opened ?? verdicts.findIndex((one) => one.verdict !== "AC");
  const looked = verdicts[at];
  return (
    <div class="verdicts">
      <div class="line">
        <h3>Samples</h3>
        {verdicts.length > 6 && <input type="search" data-filter aria-label="Filter verdicts" placeholder="sample, input, output" value={words} onInput={(event) => setWords(event.currentTarget.value)} />}
        {kinds.length > 1 && (
          <select aria-label="Verdict" value={kind} onChange={(event) => setKind(event.currentTarget.value)}>
            <option value="">any verdict</option>
            {kinds.map((one) => <option value={one}>{`${one}, ${VERDICTS[one] ?? ""}`}</option>)}
          </select>
        )}
        {(words || kind) && <span class="sub" role="status">{count(shown.length)} shown</span>}
      </div>
      <Rows items={shown} height={ROW} room={ROW * 9} label="Verdicts" keyOf={(one) => one.n} draw={(one) => (
        <button type="button" class="verdict-row" aria-pressed={one === looked} onClick={() => open(verdicts.indexOf(one))}>
          <span class="no">{one.test === null ? "all" : one.test + 1}</span><Chip verdict={one.verdict} />
          <span class="sub cut">{one.reason || VERDICTS[one.verdict]}</span>
          <span class="sub">{one.isolation === "none" ? "not sandboxed" : seconds(one.cpu_ms)}</span>
        </button>
      )} />
      {looked && <Looked verdict={looked} sample={tests[looked.test ?? -1]} />}
    </div>
  );
}

const holds = (one: TestVerdict, sample: Sample | undefined, words: string): boolean =>
  words === "" || String((one.test ?? -1) + 1) === words || [one.verdict, one.reason, one.got, one.stderr, sample?.input ?? "", sample?.outputs[0] ?? ""].some((text) => text.includes(words));

const Looked = ({ verdict, sample }: { verdict: TestVerdict; sample: Sample | undefined }) => (
  <div class="looked">
    <p class="reason"><Chip verdict={verdict.verdict} /> {verdict.test === null ? "The program as a whole" : `Sample ${verdict.test + 1}`}{verdict.reason && `: ${verdict.reason}`}
      <span class="sub"> {seconds(verdict.cpu_ms)} CPU, {seconds(verdict.wall_ms)} by the clock, {count(verdict.rss_kb / 1024)} MiB</span></p>
    <div class="excerpts">
      {sample && <div><h4>Input</h4><Text text={sample.input} label="Input" /></div>}
      {sample && <div><h4>Expected</h4><Text text={sample.outputs[0] ?? ""} label="Expected output" /></div>}
      {verdict.got && <div><h4>Given</h4><Text text={verdict.got} label="Output of the program" /></div>}
      {verdict.stderr && <div><h4>Errors</h4><Text text={verdict.stderr} label="Standard error" /></div>}
    </div>
  </div>
);
