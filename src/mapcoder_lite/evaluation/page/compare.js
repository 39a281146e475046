// Two runs against each other: who solved what, what differs in their settings, and their steps side
// by side.

const chosenPair = [0, Math.min(1, RUNS.length - 1)];

const pairKey = (step) => step.step === "trial" ? `trial:${step.plan}:${step.round}` : `${step.kind}:${step.plan}:${step.round}:${step.attempt % 2}`;

const alignedSteps = (first, second) => {
  const [a, b] = [first, second].map((attempt) => (attempt ? attempt.steps.map((step, place) => ({ step, number: place + 1 })) : []));
  const keys = (list) => list.map(({ step }) => pairKey(step));
  return aligned(a, b, common(keys(a), keys(b)));
};

const bothView = (first, second, text, place) => {
  const scenes = [first, second].map((attempt) => (attempt ? sceneOf(attempt, text) : null));
  const names = chosenPair.map((run) => runName(run));
  const heads = [first, second].map((attempt, n) => el("div", { class: "column" }, el("h3", { class: "stage" }, names[n]), attempt ? outcome(attempt, text, place, chosenPair[n]) : el("p", { class: "note" }, "no attempt")));
  const rows = alignedSteps(first, second).map(([a, b]) => bothRow(a, b, scenes, text, names));
  const numSame = rows.filter(({ isSame }) => isSame).length;
  return [
    el("div", { class: "pair" }, heads),
    el("p", { class: "note" }, `${plural(rows.length, "step")} in all, ${count(numSame)} of them alike: same question, same reply or program. Alike ones are folded.`),
    rows.map(({ row }) => row),
  ];
};

const bothRow = (a, b, scenes, text, names) => {
  const name = stepName((a ?? b).step);
  const isSame = a !== null && b !== null && sameContent(a.step, b.step);
  const cells = [a, b].map((found, n) => el("div", { class: "column" }, found ? stepCard(found.step, found.number, scenes[n]) : el("p", { class: "absent" }, `not in ${names[n]}`)));
  if (isSame) return { isSame, row: unfold([badge(a.step), ` ${name} `, el("span", { class: "dim" }, "alike")], () => el("div", { class: "pair" }, cells), { kind: "alike" }) };
  const programs = a?.step.step === "trial" && b?.step.step === "trial"
    && unfold(`Program of ${names[0]} against ${names[1]}`, () => diffView(text(a.step.program), text(b.step.program), `${names[0]} → ${names[1]}`, b.step.language), { kind: "quiet" });
  return { isSame, row: el("section", { class: "both", "aria-label": name }, el("div", { class: "pair" }, cells), programs) };
};

const sameContent = (a, b) => a.step === "trial"
  ? String(a.program) === String(b.program) && a.judgement.verdict === b.judgement.verdict
  : String(a.reply) === String(b.reply) && String(a.messages) === String(b.messages);

const pairCounts = (a, b) => {
  const counts = { both: [], gained: [], lost: [], neither: [], apart: 0 };
  ROWS.forEach((row, place) => {
    const [first, second] = [passedOf(row, a), passedOf(row, b)];
    if (first === null || second === null) counts.apart += 1;
    else counts[first ? (second ? "both" : "lost") : second ? "gained" : "neither"].push(place);
  });
  return counts;
};

const fourFold = (a, b, counts) => {
  const cell = (places, kind, wantA, wantB) => el("td", { class: kind }, el("button", { type: "button", class: "plain", title: "show these problems", onclick: () => { filterBy({ verdict: `pair:${a}:${b}:${wantA}:${wantB}` }); go("#problems"); } }, el("strong", {}, count(places.length))));
  return el("table", { class: "fourfold" },
    el("caption", {}, "First attempts on the hidden tests"),
    el("thead", {}, el("tr", {}, el("td"), el("th", { scope: "col" }, `${LETTERS[b]} passed`), el("th", { scope: "col" }, `${LETTERS[b]} failed`))),
    el("tbody", {},
      el("tr", {}, el("th", { scope: "row" }, `${LETTERS[a]} passed`), cell(counts.both, "", true, true), cell(counts.lost, "lost", true, false)),
      el("tr", {}, el("th", { scope: "row" }, `${LETTERS[a]} failed`), cell(counts.gained, "gained", false, true), cell(counts.neither, "", false, false))));
};

const problemList = (title, kind, places) => el("section", { class: `change ${kind}` },
  el("h3", {}, `${title} `, el("span", { class: "dim" }, places.length)),
  places.length ? el("ul", {}, places.map((place) => el("li", {},
    ...chosenPair.map((run) => chip(firstOf(ROWS[place], run).verdict)), " ",
    el("a", { href: problemLink(place, 0, "both") }, ROWS[place].title || ROWS[place].id), el("span", { class: "sub" }, ` ${ROWS[place].tags.join(", ")}`)))) : el("p", { class: "note" }, "none"));

// Which system a run belongs to: their runs stand in the order of the page's runs.
const systemOf = (run) => {
  let place = 0;
  for (let left = run; left >= DATA.systems.numRuns[place]; place += 1) left -= DATA.systems.numRuns[place];
  return place;
};

const pairFacts = (a, b) => {
  if (DATA.systems === null) return [];
  const { names, against, tests, numRuns } = DATA.systems;
  const places = [a, b].map(systemOf);
  const [first, second] = places.map((place) => names[place]);
  if (places[0] === places[1]) return [el("p", { class: "note" }, `Both are runs of one system, ${first}, whose runs are pooled by problem: the overview tells of it.`)];
  const found = tests.find((test) => (first === against && second === test.second) || (second === against && first === test.second));
  if (!found) return [el("p", { class: "note" }, `Systems are tested against ${against}; another pair is tested by mapcoder compare, or with --against.`)];
  const { duel } = found;
  const sign = first === against ? 1 : -1;
  const line = (name, told, [p, holm]) => told && el("p", {}, `${name}, ${plural(told.num_problems, "problem")}: ${percent(sign > 0 ? told.first : told.second)} against ${percent(sign > 0 ? told.second : told.first)}, difference `,
    el("strong", {}, points(sign * told.gain.mean)), told.gain.low === null ? "" : ` [${[told.gain.low, told.gain.high].map((bound) => points(sign * bound)).sort((x, y) => parseFloat(x.replace("−", "-")) - parseFloat(y.replace("−", "-"))).join(" to ")}]`,
    ", ", el("strong", {}, `p = ${p}`), ` (${told.pairs ? "exact McNemar test" : "sign-flip test of problems"}, two-sided)`,
    tests.length > 1 && [", ", el("strong", {}, `p = ${holm}`), ` after Holm's correction for ${tests.length} tests`]);
  const isPooled = numRuns[places[0]] + numRuns[places[1]] > 2;
  return [
    isPooled && el("p", { class: "note" }, `Of all runs of ${first} and ${second}, pooled by problem:`),
    line("All", duel.raw, found.p), line("Sound subset", duel.sound, found.pSound),
    duel.num_left_out ? el("p", { class: "warned" }, `${plural(duel.num_left_out, "problem")} left out: not graded in both.`) : null,
    duel.num_unlike ? el("p", { class: "warned" }, `${plural(duel.num_unlike, "problem")} left out: one id means two problems.`) : null,
    duel.doubts.map((words) => el("p", { class: "warned" }, `${words[0].toUpperCase()}${words.slice(1)}.`)),
    duel.settings.length ? unfold(`What differs from ${against}: ${duel.settings.length}`, () => el("ul", { class: "mono wrap" }, duel.settings.map((words) => el("li", {}, words))), { isOpen: true }) : el("p", { class: "note" }, "Their settings are the same."),
  ];
};

const points = (share) => `${share < 0 ? "−" : "+"}${Math.abs(100 * share).toFixed(1)} points`;

const compareView = () => {
  const [a, b] = chosenPair;
  const counts = pairCounts(a, b);
  const choose = (n) => {
    const box = el("select", { "aria-label": n ? "Second run" : "First run", onchange: () => { chosenPair[n] = Number(box.value); show(); } }, RUNS.map((_, run) => el("option", { value: run, selected: run === chosenPair[n] }, runName(run))));
    return box;
  };
  return el("div", { class: "page" },
    el("h2", {}, RUNS.length > 2 ? [choose(0), " against ", choose(1)] : `${runName(a)} against ${runName(b)}`),
    el("div", { class: "compared" }, fourFold(a, b, counts), el("div", {}, pairFacts(a, b), counts.apart ? el("p", { class: "note" }, `${plural(counts.apart, "problem")} cannot be paired.`) : null)),
    el("div", { class: "changes" }, problemList(`Gained: ${LETTERS[b]}, not ${LETTERS[a]}`, "gained", counts.gained), problemList(`Lost: ${LETTERS[a]}, not ${LETTERS[b]}`, "lost", counts.lost)));
};
