// The first view: what the runs are, their numbers with intervals, what was left out, the plots.

const rateWords = (rate) => rate === null ? "–" : [
  el("strong", {}, percent(shareOf(rate))), ` ${count(rate.num_passed)} of ${count(rate.num_total)}`,
  rate.low === null ? null : el("span", { class: "dim" }, ` [${(100 * rate.low).toFixed(1)} – ${(100 * rate.high).toFixed(1)}]`),
];

const tile = (run) => {
  const { metrics } = RUNS[run];
  const rate = metrics.passed ?? metrics.public;
  const share = shareOf(rate);
  return el("section", { class: `tile series ${colour(run)}` },
    el("h3", {}, RUNS.length > 1 ? el("span", { class: "letter" }, LETTERS[run] ?? run + 1) : null, RUNS[run].name),
    el("p", { class: "big" }, share === null ? "–" : (100 * share).toFixed(1), el("span", {}, " %")),
    el("p", { class: "what" }, metrics.passed ? "pass@1 on hidden tests" : "solved on samples; the run does not grade", ` · ${count(rate.num_passed)} of ${count(rate.num_total)}`),
    rate.low === null ? el("p", { class: "note" }, "no interval: statsmodels was not there, or samples depend on each other") : gauge(rate, share));
};

const gauge = (rate, share) => svg("svg", { class: "gauge", viewBox: "0 0 200 22", preserveAspectRatio: "none", role: "img", "aria-label": `95 % interval ${intervalOf(rate)}` },
  svg("title", {}, `95 % interval: ${intervalOf(rate)}`),
  svg("rect", { x: 0, y: 9, width: 200, height: 4, class: "rail" }),
  svg("rect", { x: 200 * rate.low, y: 7, width: 200 * (rate.high - rate.low), height: 8, class: "reach" }),
  svg("rect", { x: 200 * share - 1, y: 3, width: 2, height: 16, class: "needle" }));

const leftOut = ({ metrics: m, rules }) => [
  (m.since || m.until) && `problems that came out from ${m.since ?? "the first day"} to ${m.until ?? "the last"}; left out: ${count(m.num_outside)} others${m.num_undated ? `, ${count(m.num_undated)} without a date` : ""}`,
  m.num_units > m.num_solved_units && `incomplete: ${plural(m.num_units - m.num_solved_units, "attempt")} still owed`,
  m.num_errors && `${plural(m.num_errors, "attempt")} failed by the house's fault, not scored`,
  m.num_internal && `${plural(m.num_internal, "grade")} failed by the judge's fault, not scored`,
  m.passed && m.num_ungraded && `${plural(m.num_ungraded, "attempt")} not graded yet`,
  !m.passed && "not graded: the run had no hidden tests",
  m.num_defective && `${plural(m.num_defective, "problem")} with defective hidden tests: see the sound subset`,
  m.num_extra && `${plural(m.num_extra, "further sample")} where passes lacked: in costs and verdicts, not in pass@1`,
  rules && `judged ${rules}, not by today's rules`,
].filter(Boolean);

const passAtK = (rows) => rows.length ? el("ul", { class: "bare" }, rows.map(([k, mean]) => el("li", {}, `pass@${k} `, el("strong", {}, percent(mean.mean)), el("span", { class: "dim" }, ` [${intervalOf(mean)}]`)))) : null;

const FACTS = [
  ["pass@1, hidden tests", (m) => rateWords(m.passed)],
  ["pass@1, sound subset", (m) => (m.num_defective ? rateWords(m.passed_sound) : null)],
  ["pass@k, hidden tests", (m) => passAtK(m.pass_at_k.slice(1).map(({ k, raw }) => [k, raw]))],
  ["pass@k, sound subset", (m) => passAtK(m.num_defective ? m.pass_at_k.slice(1).filter(({ sound }) => sound).map(({ k, sound }) => [k, sound]) : [])],
  ["if suspect answers were right", (m) => (m.suspects?.num_units ? [rateWords(m.suspects.passed), el("span", { class: "dim" }, ` ${plural(m.suspects.num_units, "wrong answer")} to problems of which several answers are right`)] : null)],
  ["solved on samples", (m) => rateWords(m.public)],
  ["problems × samples", (m) => `${count(m.num_problems)} × ${m.num_samples}`],
  ["calls an attempt", (m) => fixed(m.costs.calls, 2)],
  ["prompt tokens an attempt", (m) => count(m.costs.prompt_tokens)],
  ["reply tokens an attempt", (m) => count(m.costs.completion_tokens)],
  ["seconds an attempt", (m) => fixed(m.costs.seconds, 2)],
  ["calls a solved problem", (m) => fixed(m.costs_a_pass?.calls, 2)],
  ["tokens a solved problem", (m) => (m.costs_a_pass ? count(m.costs_a_pass.prompt_tokens + m.costs_a_pass.completion_tokens) : "–")],
  ["dollars an attempt", (m) => fixed(m.costs.dollars, 4)],
  ["dollars spent in all", (m) => fixed(m.spent.dollars, 4)],
  ["calls asked in all", (m) => count(m.spent.calls) + (m.spent.num_reused ? ` (+ ${count(m.spent.num_reused)} reused)` : "")],
  ["attempts with an unreadable reply", (m) => `${count(m.num_unreadable)} of ${count(m.num_solved_units)}`],
  ["judge near its limits", (m) => (m.flakes?.num_doubtful ? `${plural(m.flakes.num_doubtful, "test")} repeated alone, ${m.flakes.num_flipped} got another verdict` : null)],
  ["engine", (m) => el("span", { class: "mono wrap" }, m.engine)],
  ["roles", (m) => m.adapters ?? "not recorded"],
  ["judge", (m) => `${m.examination.isolation.tier}, self-test ${m.examination.num_verdicts} of ${m.examination.num_verdicts}, ${m.examination.examined.slice(0, 10)}`],
];

const factTable = () => {
  const rows = FACTS.map(([name, told]) => [name, ...RUNS.map(({ metrics }) => told(metrics))]).filter((row) => row.slice(1).some((cell) => cell !== null));
  const left = RUNS.map(leftOut);
  if (left.some((lines) => lines.length)) rows.push(["left out, and why", ...left.map((lines) => lines.length ? el("ul", { class: "warned" }, lines.map((line) => el("li", {}, line))) : "nothing")]);
  rows.push(["settings that are not the defaults", ...RUNS.map(({ settings, version, commit }) => [
    unfold("show", () => textView(settings, "Settings"), { kind: "quiet" }), el("span", { class: "dim" }, `version ${version}${commit ? `, ${commit.slice(0, 9)}` : ""}`)])]);
  return table(["", ...RUNS.map((_, run) => runName(run))], rows, { kind: "facts", caption: "Runs" });
};

// What `mapcoder report` prints of systems: seeds pooled, each tested against one, p values corrected.
const systemsView = ({ blocks }) => el("section", {}, el("h2", {}, "Systems"), blocks.map((block) => typeof block === "string"
  ? el("p", { class: "warned" }, block)
  : [el("h3", {}, block.title), table(block.columns, block.rows, { kind: "numbers" }), block.notes.map((note) => el("p", { class: "note" }, note))]));

const verdictPlot = () => {
  const names = Object.keys(VERDICTS).filter((name) => RUNS.some(({ metrics }) => metrics.verdicts[name]));
  if (!names.length) return null;
  return stackedBars("Verdicts on hidden tests", "Of every attempt that was graded.",
    names.map((name) => [name, RUNS.map(({ metrics }) => metrics.verdicts[name] ?? 0)]), (name) => `v-${name === "no program" ? "none" : name}`);
};

const endPlot = () => {
  const names = Object.keys(STOPS).filter((name) => RUNS.some(({ metrics }) => metrics.stops[name]));
  return stackedBars("How attempts ended", "As the agents saw it, who know the public tests alone.",
    names.map((name) => [name, RUNS.map(({ metrics }) => metrics.stops[name] ?? 0)]), (name) => `e-${Object.keys(STOPS).indexOf(name)}`);
};

const failurePlot = () => {
  const roles = Object.keys(RUNS[0].metrics.roles);
  const groups = roles.map((role) => ({
    label: role,
    rates: RUNS.map(({ metrics }) => ({ num_passed: metrics.roles[role].num_failures, num_total: metrics.roles[role].num_calls, low: metrics.roles[role].low, high: metrics.roles[role].high })),
  }));
  const kindsOf = (role, run) => Object.entries(RUNS[run].metrics.roles[role].kinds).map(([kind, number]) => `${kind} ${number}`).join(", ");
  return rateDots("Format failures per role", "Replies that could not be read, of all calls; their kinds stand among the numbers.", groups, { what: "unreadable", isWhole: false, extra: ["kinds", kindsOf] });
};

const funnelPlot = ({ dataset, stages }) => {
  const unitOf = (stage) => (stage.unit === "rows" ? "calls" : stage.unit);
  const units = [...new Set(stages.map(unitOf))];
  const most = Object.fromEntries(units.map((unit) => [unit, stages.find((stage) => unitOf(stage) === unit).count || 1]));
  return plainBars("From problems to training rows", `Audit of ${dataset}. Per cent of the first stage of the same colour; a row is a call that was kept.`,
    stages.map((stage) => ({ label: stage.name, length: Math.min(1, stage.count / most[unitOf(stage)]), words: `${count(stage.count)} ${stage.unit}`, kind: colour(units.indexOf(unitOf(stage))) })),
    ["stage", "count", "unit"], stages.map((stage) => [stage.name, count(stage.count), stage.unit]));
};

const MOST_LABELS = 24;

// pass@1 by tag or rating; with defective tests the sound subset stands among the numbers.
const labelPlot = (title, note, field) => {
  const labels = [...new Set(RUNS.flatMap(({ metrics }) => metrics[field].map(({ label }) => label)))];
  if (labels.length < 2 && ["unrated", "untagged"].includes(labels[0] ?? "untagged")) return null;
  const found = (label, run) => RUNS[run].metrics[field].find((score) => score.label === label) ?? null;
  const groups = labels.map((label) => ({ label, rates: RUNS.map((_, run) => found(label, run)?.passed ?? null) }));
  if (field === "ratings") groups.sort((a, b) => (parseInt(a.label, 10) || Infinity) - (parseInt(b.label, 10) || Infinity));
  const sound = (label, run) => rateWords(found(label, run).passed_sound);
  const hasSound = RUNS.some(({ metrics }) => metrics.num_defective);
  const rarer = groups.length - MOST_LABELS;
  return rateDots(title, rarer > 0 ? `${note} ${plural(rarer, "rarer one")} only among the numbers.` : note, groups, { mostDrawn: MOST_LABELS, extra: hasSound ? ["sound subset", sound] : null });
};

const isGraded = () => RUNS.some(({ metrics }) => metrics.passed);

const overviewView = () => el("div", { class: "page" },
  el("div", { class: "tiles" }, RUNS.map((_, run) => tile(run))),
  DATA.systems && systemsView(DATA.systems),
  el("section", {}, el("h2", {}, "Numbers"), factTable()),
  el("section", {}, el("h2", {}, "Plots"), el("div", { class: "plots" },
    verdictPlot(), endPlot(),
    labelPlot("Passed by rating", "pass@1 on hidden tests, with 95 % intervals.", "ratings"),
    failurePlot(),
    isGraded() && solvedAgainst("Solved against tokens", "Share of problems, in per cent, whose first attempt passed the hidden tests with at most so many tokens.", "tokens of prompts and replies", (attempt) => attempt.tokens[0] + attempt.tokens[1]),
    isGraded() && solvedAgainst("Solved against seconds", "The same by the clock, beside as many other problems as ran at once.", "seconds", (attempt) => attempt.seconds),
    findingPlots(),
    RUNS.map(({ funnel }) => funnel && funnelPlot(funnel)),
    labelPlot("Passed by tag", "pass@1 on hidden tests, with 95 % intervals; a problem counts for each of its tags.", "tags"),
  )),
  el("p", { class: "note foot" }, `Written ${DATA.written}. Intervals are 95 % intervals with problems as the units. This file holds everything that it shows and fetches nothing. Keys and home folders were taken out of it; what models wrote is shown as text.`));
