// The samples as an editable table: what a program must give for an input.

import { useMemo, useState } from "preact/hooks";
import { Rows } from "./rows";
import type { Sample } from "./shapes";
import { plural } from "./words";

const ROW = 104;
const ROOM = 520;
const FEW = 6;

interface SamplesProps { samples: Sample[]; limit: number; onChange: (samples: Sample[]) => void }

export function Samples({ samples, limit, onChange }: SamplesProps) {
  const [filter, setFilter] = useState("");
  const found = useMemo(() => samples.map((_, at) => at).filter((at) => matches(samples[at]!, filter)), [samples, filter]);
  const replace = (at: number, changed: Partial<Sample>): void => onChange(samples.map((one, place) => (place === at ? { ...one, ...changed } : one)));
  return (
    <div class="samples">
      <div class="line">
        <h3>{plural(samples.length, "sample")}</h3>
        {samples.length > FEW && <input type="search" data-filter aria-label="Filter samples" placeholder="filter" value={filter} onInput={(event) => setFilter(event.currentTarget.value)} />}
        {filter && <span class="sub" role="status">{found.length} shown</span>}
        <button type="button" disabled={samples.length >= limit} onClick={() => { setFilter(""); onChange([...samples, { input: "", outputs: [""] }]); }}>Add a sample</button>
      </div>
      {samples.length === 0 && <p class="warned">Without samples nothing that is written can be tested or called solved.</p>}
      <Rows items={found} height={ROW} room={ROOM} label="Samples" keyOf={(at) => at} draw={(at) => (
        <SampleRow at={at} sample={samples[at]!} onChange={(changed) => replace(at, changed)} onRemove={() => onChange(samples.filter((_, place) => place !== at))} />
      )} />
    </div>
  );
}

const matches = (sample: Sample, filter: string): boolean => filter === "" || sample.input.includes(filter) || sample.outputs.some((one) => one.includes(filter));

interface SampleRowProps { at: number; sample: Sample; onChange: (changed: Partial<Sample>) => void; onRemove: () => void }

const SampleRow = ({ at, sample, onChange, onRemove }: SampleRowProps) => (
  <div class="sample">
    <span class="no">{at + 1}</span>
    <textarea aria-label={`Input of sample ${at + 1}`} spellcheck={false} value={sample.input} onInput={(event) => onChange({ input: event.currentTarget.value })} />
    <textarea aria-label={`Output of sample ${at + 1}`} spellcheck={false} value={sample.outputs[0]}
      title={sample.outputs.length > 1 ? `${sample.outputs.length - 1} further outputs are right, too` : undefined}
      onInput={(event) => onChange({ outputs: [event.currentTarget.value, ...sample.outputs.slice(1)] })} />
    <button type="button" class="plain" aria-label={`Remove sample ${at + 1}`} onClick={onRemove}>×</button>
  </div>
);
