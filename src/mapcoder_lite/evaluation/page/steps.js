// One step of an attempt as a card: a call with its reply and prompt, or a trial with its tests.

const ASKED_FOR = {
  retrieval: "recall similar problems",
  plan: "write a plan",
  confidence: "how sure of the plan",
  trace: "follow the plan on the samples",
  coding: "write the program",
  debugging: "mend the program",
};

const planName = (step) => (step.plan === null || step.plan === undefined ? "" : `plan ${step.plan + 1}`);
const roundName = (step) => (step.round ? `round ${step.round}` : "");

const stepName = (step) => step.step === "trial"
  ? ["public tests", planName(step), roundName(step)].filter(Boolean).join(" · ")
  : [ASKED_FOR[step.kind], planName(step), roundName(step), step.attempt % 2 ? "asked again" : ""].filter(Boolean).join(" · ");

// What the planner said of its plan, as it stands in the reply.
const surenessOf = (step, text) => step.kind === "confidence" && !step.failure
  ? text(step.reply).match(/<confidence>\s*([^<]{1,12}?)\s*<\/confidence>/)?.[1] ?? null : null;

const badge = (step) => el("span", { class: `role r-${step.role ?? "judge"}` }, step.role ?? "judge");

const callFacts = (step) => [
  `${count(step.tokens[0])} → ${count(step.tokens[2])} tokens`,
  step.tokens[1] ? `${count(step.tokens[1])} cached` : null,
  seconds(step.seconds),
].filter(Boolean).join(" · ");

const card = (step, number, facts, ...body) => el("article", { class: `step ${step.step}`, id: `step${number}`, tabindex: -1, "aria-label": `Step ${number}: ${stepName(step)}` },
  el("header", {}, el("span", { class: "no" }, number), badge(step), el("h4", {}, stepName(step)), facts),
  ...body);

const callCard = (step, number, scene) => {
  const { text } = scene;
  const sureness = surenessOf(step, text);
  const reply = text(step.reply);
  const earlier = scene.sameReply(step, number);
  const isProgram = step.kind === "coding" || step.kind === "debugging";
  return card(step, number, [
    sureness && el("span", { class: "sure" }, `sure: ${sureness}`),
    step.failure && el("span", { class: "chip v-CE", title: "the reply could not be read" }, step.failure[0]),
    el("span", { class: "facts" }, callFacts(step)),
  ],
    step.failure && el("p", { class: "warned" }, `Unreadable: ${step.failure[1] || step.failure[0]}`),
    step.note && el("p", { class: "note" }, step.note),
    step.finish === "length" && el("p", { class: "warned" }, "Cut off at the greatest length of a reply."),
    earlier && el("p", { class: "note" }, `The same reply as in step ${earlier}.`),
    unfold(["Reply ", el("span", { class: "dim" }, plural(reply.length, "character"))], () => textView(reply, `Reply of step ${number}`), { isOpen: !earlier && (!isProgram || Boolean(step.failure)), kind: "reply" }),
    unfold(["Prompt ", el("span", { class: "dim" }, plural(step.messages.reduce((sum, [, places]) => sum + text(places).length, 0), "character"))], () => promptView(step, number, text)),
  );
};

const promptView = (step, number, text) => [
  step.messages.map(([role, places]) => [el("p", { class: "speaker" }, role), textView(text(places), `Prompt of step ${number}, ${role}`)]),
  el("p", { class: "note" }, [
    `model ${step.model || "not named"}`, step.adapter ? `adapter ${step.adapter}${step.digest ? ` ${step.digest.slice(0, 12)}` : ""}` : "no adapter",
    ...Object.entries(step.sampling).filter(([, value]) => !Array.isArray(value) || value.length).map(([name, value]) => `${name} ${value}`),
    step.grammar ? "held to its layout" : null, step.guided ? "with a supervisor's feedback" : null,
  ].filter(Boolean).join(" · ")),
];

const trialCard = (step, number, scene) => {
  const { text } = scene;
  const { judgement } = step;
  const program = text(step.program);
  const before = scene.programBefore(step, number);
  return card(step, number, [chip(judgement.verdict), el("span", { class: "facts" }, `${judgement.passed} of ${plural(judgement.total, "test")}`)],
    testStrip(judgement, "public", text),
    failureView(judgement, text),
    before === null
      ? unfold("Program", () => codeView(program, step.language), { isOpen: true })
      : [unfold(["Changes ", el("span", { class: "dim" }, `against round ${step.round - 1}`)], () => diffView(before, program, `round ${step.round - 1} → ${step.round}`, step.language), { isOpen: true }),
        unfold("Whole program", () => codeView(program, step.language))]);
};

const testStrip = (judgement, which, text) => {
  const { results } = judgement;
  if (!results.length) return judgement.log ? null : el("p", { class: "note" }, `No ${which} test was run.`);
  const cells = results.map(([verdict, cpu, memory], place) =>
    el("li", { class: `cell v-${verdict}`, title: `test ${place + 1}: ${VERDICTS[verdict] ?? verdict}, ${cpu} ms, ${(memory / 1024).toFixed(1)} MiB` }, verdict));
  const rest = judgement.total - judgement.run;
  return [
    el("ol", { class: "strip", "aria-label": `Verdicts of the ${which} tests` }, cells, rest > 0 && el("li", { class: "cell v-SK", title: `${rest} not run` }, `+${rest}`)),
    unfold("Measurements", () => [
      table(["test", "verdict", "processor, ms", "memory, MiB", "ended by"], results.map(([verdict, cpu, memory, ending]) => [verdict, cpu.toFixed(1), (memory / 1024).toFixed(1), ending ?? ""]).map((row, place) => [String(place + 1), ...row]), { kind: "numbers", caption: `${which} tests` }),
      el("p", { class: "note" }, `checker ${judgement.checker} · limit ${judgement.cpuSeconds} s × ${judgement.speedFactor}, ${Math.round(judgement.memoryBytes / 2 ** 20)} MiB · isolation ${judgement.tier}${judgement.retried ? ` · ${judgement.retried} run again alone` : ""}`)], { kind: "quiet" }),
    results.filter((result) => result[4]).slice(0, 1).map((result) => unfold("Standard error", () => textView(text(result[4]), "Standard error"), { kind: "quiet" })),
  ];
};

const failureView = (judgement, text) => {
  const parts = [];
  if (judgement.log) parts.push(unfold("Compiler", () => textView(text(judgement.log), "Output of the compiler"), { isOpen: judgement.verdict === "CE" }));
  const { failure } = judgement;
  if (failure === null) return parts;
  parts.push(el("p", { class: "reason" }, el("strong", {}, `Test ${failure.index + 1}: ${VERDICTS[failure.verdict]}.`), failure.reason ? ` ${failure.reason}` : ""));
  const excerpts = [["input", failure.input], ["expected", failure.expected], ["got", failure.got]].filter(([, places]) => places !== null);
  if (excerpts.length) parts.push(el("div", { class: "excerpts" }, excerpts.map(([name, places]) => el("div", {}, el("p", { class: "speaker" }, name), textView(text(places), name)))));
  return parts;
};

const stepCard = (step, number, scene) => (step.step === "trial" ? trialCard(step, number, scene) : callCard(step, number, scene));

// What the cards of one attempt must know of each other.
const sceneOf = (attempt, text) => ({
  text,
  sameReply: (step, number) => {
    const key = JSON.stringify([step.kind, step.reply]);
    const earlier = attempt.steps.findIndex((other) => other.step === "call" && JSON.stringify([other.kind, other.reply]) === key);
    return earlier >= 0 && earlier + 1 < number ? earlier + 1 : null;
  },
  programBefore: (step, number) => {
    const earlier = attempt.steps.slice(0, number - 1).filter((other) => other.step === "trial" && other.plan === step.plan && other.round === step.round - 1).at(-1);
    return earlier ? text(earlier.program) : null;
  },
});
