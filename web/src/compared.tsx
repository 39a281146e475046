// Two evaluations paired by problem, with the test that says what of the difference is more than chance.

import { get } from "./api";
import { address, useTitle } from "./address";
import { Big } from "./interval";
import { Facts, Fault, Table, useAnswer } from "./parts";
import type { Comparison, LabelDifference } from "./shapes";
import { count, plural, pValue } from "./words";

// In points of percentage.
const points = (gain: number): string => {
  const shown = Math.abs(100 * gain).toFixed(1);
  return shown === "0.0" ? shown : `${gain < 0 ? "−" : "+"}${shown}`;
};

const between = ({ low, high }: { low: number | null; high: number | null }): string => (low === null || high === null ? "no interval" : `${points(low)} to ${points(high)}`);

export function Compared({ first, second }: { first: string; second: string }) {
  useTitle(`${second} against ${first}`);
  const { answer, fault } = useAnswer(() => get<Comparison>(`/api/evaluations/compare?first=${encodeURIComponent(first)}&second=${encodeURIComponent(second)}`), [first, second]);
  return (
    <div class="page">
      <section aria-labelledby="compared">
        <div class="line"><h2 id="compared">{second} against {first}</h2><a href={address("evaluations", "compare", second, first)}>the other way round</a></div>
        <Fault of={fault} />
        {!answer && !fault && <p class="note" role="status">It is being counted …</p>}
        {answer && <Overall found={answer} names={[first, second]} />}
      </section>
      {answer && <Labels title="By tag" rows={answer.tags} />}
      {answer && <Labels title="By rating" rows={answer.ratings} />}
      {answer && <Changes found={answer} names={[first, second]} />}
    </div>
  );
}

function Overall({ found, names }: { found: Comparison; names: [string, string] }) {
  const { raw, num_left_out, num_unlike, doubts } = found.duel;
  return (
    <>
      <div class="tiles">
        <Big name={names[0]} rate={found.first.passed} what="pass@1" />
        <Big name={names[1]} rate={found.second.passed} what="pass@1" series={1} />
      </div>
      <Facts rows={[
        ["problems of both", count(raw.num_problems)],
        ["difference", `${points(raw.gain.mean)} points (95 % interval ${between(raw.gain)})`],
        ["gained and lost", `${count(raw.num_gained)} and ${count(raw.num_lost)}`],
        ["paired test, two-sided", pValue(raw.p)],
        ...(num_left_out + num_unlike > 0 ? [["left out", `${plural(num_left_out, "problem")} of only one, ${count(num_unlike)} that are not the same problem`] as [string, string]] : []),
      ]} />
      {doubts.map((doubt) => <p class="warned">{doubt}</p>)}
    </>
  );
}

const Labels = ({ title, rows }: { title: string; rows: LabelDifference[] }) => (rows.length === 0 ? null : (
  <section aria-label={title}>
    <h2>{title}</h2>
    <Table caption={`Differences ${title.toLowerCase()}; p after Holm's correction`} head={["", "problems", "points", "95 % interval", "gained", "lost", "p"]}
      rows={rows.map(({ label, difference, p_holm }) => [label, count(difference.num_problems), points(difference.gain.mean), between(difference.gain), count(difference.num_gained), count(difference.num_lost), pValue(p_holm)])} />
  </section>
));

const Changes = ({ found, names }: { found: Comparison; names: [string, string] }) => (
  <section aria-label="Changes">
    {([["Gained", found.gained], ["Lost", found.lost]] as const).map(([name, ids]) => (
      <details class="unfold"><summary>{name}: {plural(ids.length, "problem")}</summary><p class="wrap mono">{ids.join("  ")}</p></details>
    ))}
    {found.duel.settings.length > 0 && <Table kind="numbers told-apart" caption="What is not the same in both" head={["setting", ...names]} rows={found.duel.settings.map((one) => [one.key, one.first, one.second])} />}
  </section>
);
