// A call, word for word: what was sent, what came back, and where reading failed.

import { get } from "./api";
import { Dialog } from "./keys";
import { Facts, Fault, Role, Text, useAnswer } from "./parts";
import type { CallDetail } from "./shapes";
import { count, seconds, wanted } from "./words";

interface CallDrawerProps { run: string; call: number; isThere: boolean; onClose: () => void }

export function CallDrawer({ run, call, isThere, onClose }: CallDrawerProps) {
  const { answer, fault } = useAnswer(() => get<CallDetail>(`/api/runs/${run}/calls/${call}`), [run, call, isThere]);
  return (
    <Dialog label={`Call ${call}`} kind="drawer" onClose={onClose}>
      <div class="line"><h2>Call {call}</h2>{answer && <Role agent={answer.agent} />}
        <form method="dialog"><button aria-label="Close">×</button></form></div>
      {isThere && <Fault of={fault} />}
      {answer && <Body call={answer} />}
    </Dialog>
  );
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
