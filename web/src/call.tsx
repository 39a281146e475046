// A call, word for word: what was sent, what came back, and where reading failed.

import { get } from "./api";
import { Dialog } from "./keys";
import { Facts, Fault, Role, Text, useAnswer } from "./parts";
import type { CallDetail } from "./shapes";
import type { Told } from "./told";
import { count, plural, seconds, wanted } from "./words";

// `call` is as the address has it: typed by hand it may be anything.
interface CallDrawerProps { run: string; call: string; told: Told; onClose: () => void }

export function CallDrawer({ run, call, told, onClose }: CallDrawerProps) {
  const isNumber = /^[1-9]\d{0,3}$/.test(call);
  const stage = isNumber ? told.stages[Number(call) - 1] : undefined;
  const isThere = stage?.finished != null;
  const { answer, fault } = useAnswer(async () => (isThere ? get<CallDetail>(`/api/runs/${run}/calls/${call}`) : null), [run, call, isThere]);
  return (
    <Dialog label={`Call ${call}`} kind="drawer" onClose={onClose}>
      <div class="line"><h2>Call {call}</h2>{answer && <Role agent={answer.agent} />}
        <form method="dialog"><button aria-label="Close">×</button></form></div>
      <Fault of={fault} />
      {!isNumber && <Fault of={`“${call}” is no call: calls are numbered from 1.`} />}
      {isNumber && !isThere && <Missing isAsked={stage !== undefined} told={told} />}
      {answer && <Body call={answer} />}
    </Dialog>
  );
}

function Missing({ isAsked, told }: { isAsked: boolean; told: Told }) {
  if (isAsked) return <p class="note" role="status">{told.finished ? "It was called off before it was answered." : "It is not answered yet."}</p>;
  if (told.finished) return <Fault of={`There is no such call: the run asked ${plural(told.stages.length, "question")}.`} />;
  return <p class="note" role="status">{told.started ? "It is not asked yet." : "The run is being read …"}</p>;
}

const Body = ({ call }: { call: CallDetail }) => (
  <>
    <Facts rows={[
      ["asked for", `${wanted(call.call, call.plan, call.round)}${call.ask > 1 ? ", asked again" : ""}`],
      ["model", call.model || "–"],
      ["adapter", call.adapter ?? "none"],
      ["tokens", `${count(call.usage.prompt_tokens)} read, ${count(call.usage.completion_tokens)} written`],
      ["time", seconds(call.ms)],
      ["ended", call.finish === "length" ? "cut at its limit" : "by itself"],
      ["held to a layout", call.grammar ? "yes" : "no"],
      ["sampling", JSON.stringify(call.sampling)],
    ]} />
    {call.note && <p class="warned">{call.note}</p>}
    {call.failure && <p class="fault">It could not be read: {call.failure.kind}, {call.failure.detail}</p>}
    <h3>Reply</h3>
    {call.failure?.position == null ? <Text text={call.reply} label="Raw reply" /> : <Broken reply={call.reply} position={call.failure.position} />}
    <h3>Prompt</h3>
    {call.messages.map((message) => <div><p class="speaker">{message.role}</p><Text text={message.content} label={`Message of the ${message.role}`} /></div>)}
  </>
);

// Positions count characters as Python does, so an emoji is one.
function Broken({ reply, position }: { reply: string; position: number }) {
  const characters = [...reply];
  return (
    <pre class="text" tabIndex={0} role="region" aria-label="Raw reply">
      {characters.slice(0, position).join("")}<mark ref={(node) => node?.scrollIntoView({ block: "nearest" })}>reading failed here</mark>{characters.slice(position).join("")}
    </pre>
  );
}
