// A problem opened: what the judge says of it, then every step in the order in which it happened.

const problemLink = (place, sample = 0, mode = null) => `#problem/${encodeURIComponent(ROWS[place].id)}/${sample}${mode === null ? "" : `/${mode}`}`;

const stageOf = (step) => {
  if (step.kind === "retrieval") return "Retrieval";
  if (step.kind === "plan" || step.kind === "confidence" || step.kind === "trace") return "Planning";
  return `Coding and debugging${step.plan === null || step.plan === undefined ? "" : `, plan ${step.plan + 1}`}`;
};

const problemView = async (place, sample, mode) => {
  const row = ROWS[place];
  const { runs, text } = await openProblem(place);
  const samples = [...new Set(runs.flat().map((attempt) => attempt.sample))].sort((a, b) => a - b);
  const shown = samples.includes(sample) ? sample : samples[0] ?? 0;
  const at = (run) => runs[run].find((attempt) => attempt.sample === shown) ?? null;
  const run = mode === "both" ? null : Number(mode ?? runs.findIndex((attempts) => attempts.length)) || 0;
  return el("div", { class: "problem" },
    problemHead(place, samples, shown, mode === "both" ? "both" : run),
    mode === "both" ? bothView(at(chosenPair[0]), at(chosenPair[1]), text, place) : attemptView(at(run), text, place, run));
};

const problemHead = (place, samples, sample, mode) => {
  const row = ROWS[place];
  const step = (distance, words, key) => el("button", { type: "button", class: "plain", title: `${words} (${key})`, "aria-label": words, onclick: () => move(distance) }, distance < 0 ? "↑" : "↓");
  return el("header", { class: "head" },
    el("div", { class: "line" },
      el("button", { type: "button", class: "plain back", onclick: () => go("#problems") }, "← list"),
      el("h2", { tabindex: -1 }, row.title || row.id), step(-1, "previous problem", "k"), step(1, "next problem", "j")),
    el("p", { class: "sub" }, [row.title ? el("span", { class: "mono" }, row.id) : null, row.rating === null ? null : `rating ${row.rating}`, ...row.tags].filter(Boolean).flatMap((part, n) => (n ? [" · ", part] : [part]))),
    row.defect && el("p", { class: "warned" }, `The hidden tests have a known defect: ${row.defect}. The sound subset leaves the problem out.`),
    (RUNS.length > 1 || samples.length > 1) && el("div", { class: "switches" },
      RUNS.length > 1 && el("div", { class: "group", role: "group", "aria-label": "Run" },
        RUNS.map((_, run) => el("a", { class: "switch", href: problemLink(place, sample, run), "aria-current": mode === run ? "true" : null }, runName(run))),
        el("a", { class: "switch", href: problemLink(place, sample, "both"), "aria-current": mode === "both" ? "true" : null }, "side by side")),
      samples.length > 1 && el("label", {}, "sample ", sampleSelect(place, samples, sample, mode))));
};

const sampleSelect = (place, samples, sample, mode) => {
  const box = el("select", { onchange: () => go(problemLink(place, Number(box.value), mode)) }, samples.map((n) => el("option", { value: n, selected: n === sample }, `${n}`)));
  return box;
};

// Every plan on one line: how sure the planner was of it, when it was tried, what came of it.
const plansView = (attempt, text) => {
  const plans = [...new Set(attempt.steps.map((step) => step.plan).filter((plan) => plan !== null && plan !== undefined))].sort((a, b) => a - b);
  const trials = attempt.steps.filter((step) => step.step === "trial");
  const tried = [...new Set(trials.map((trial) => trial.plan))];
  if (plans.length < 2) return null;
  return table(["plan", "sure of it", "tried", "debug rounds", "best on public tests"], plans.map((plan) => {
    const own = trials.filter((trial) => trial.plan === plan);
    const sureness = attempt.steps.filter((step) => step.plan === plan).map((step) => surenessOf(step, text)).filter(Boolean).at(-1);
    const best = own.reduce((found, trial) => (found === null || trial.judgement.passed > found.judgement.passed ? trial : found), null);
    return [String(plan + 1), sureness ?? "–", own.length ? `${tried.indexOf(plan) + 1}.` : "not tried", own.length ? String(Math.max(...own.map((trial) => trial.round))) : "–",
      best ? [chip(best.judgement.verdict), ` ${best.judgement.passed} of ${best.judgement.total}`] : "–"];
  }), { kind: "numbers", caption: "Plans" });
};

// What the record shows of a failed attempt, said with what it may mean.
const diagnosis = (place, run, sample) => {
  const head = ROWS[place].runs[run].find((one) => one.sample === sample);
  if (!head || (!head.failure && !head.marks.length)) return null;
  return el("p", { class: "note" },
    head.failure && [el("strong", {}, head.failure.replaceAll("_", " ")), ` – ${CLASSES[head.failure]}. `],
    head.marks.length > 0 && ["On the record: ", head.marks.flatMap((name, n) => [n ? "; " : "", el("span", { class: "mark-of", title: `perhaps: ${DATA.marks[name][1]}` }, DATA.marks[name][0])]), "."]);
};

const outcome = (attempt, text, place, run) => {
  const calls = attempt.steps.filter((step) => step.step === "call");
  const tokens = calls.reduce((sum, step) => [sum[0] + step.tokens[0], sum[1] + step.tokens[2]], [0, 0]);
  const { judgement } = attempt;
  return el("section", { class: "outcome", "aria-label": "Outcome" },
    el("div", { class: "line" },
      chip(judgement ? judgement.verdict : attempt.isGraded ? "no program" : null),
      el("strong", {}, judgement ? `${judgement.passed} of ${judgement.total} hidden tests` : attempt.isGraded ? "no program to judge" : "not graded"),
      el("span", { class: "facts" }, [plural(calls.length, "call"), `${count(tokens[0])} → ${count(tokens[1])} tokens`, seconds(attempt.seconds)].join(" · "))),
    el("p", { class: "note" }, `End: ${attempt.stop} – ${STOPS[attempt.stop] ?? ""}${attempt.detail ? `. ${attempt.detail}` : ""}`),
    diagnosis(place, run, attempt.sample),
    judgement && testStrip(judgement, "hidden", text),
    judgement && failureView(judgement, text),
    plansView(attempt, text),
    attempt.program === null ? el("p", { class: "note" }, "No program was submitted.") : unfold("Submitted program", () => codeView(text(attempt.program), attempt.language)));
};

const attemptView = (attempt, text, place, run) => {
  if (attempt === null) return el("p", { class: "note" }, ROWS[place].in[run] === false ? "This run did not have the problem." : "No attempt here: it is owed.");
  const scene = sceneOf(attempt, text);
  const parts = [outcome(attempt, text, place, run)];
  let stage = null;
  attempt.steps.forEach((step, index) => {
    if (stageOf(step) !== stage) parts.push(el("h3", { class: "stage" }, (stage = stageOf(step))));
    parts.push(stepCard(step, index + 1, scene));
  });
  if (!attempt.steps.length) parts.push(el("p", { class: "note" }, "No step was taken."));
  return parts;
};
