// What was found of failures, confidences and roles: classes, marks, reliability, the heat map.

const CLASSES = {
  too_long: "a prompt and its reply did not fit the model's context",
  unreadable: "no program, because a reply could not be read",
  no_program: "no program, because no reply held one",
  not_compiling: "the submitted program does not compile",
  untested: "the submitted program was never tried on public tests",
  debugger_loop: "samples never passed, and debugging went round in circles",
  samples_failed: "samples never passed",
  hard_coded: "samples passed by printing their outputs",
  over_limits: "samples passed; too slow or too large on a hidden test",
  overfitted: "samples passed; wrong, or broken, on a hidden test",
};

const nothing = { num_passed: 0, num_total: 0, low: null, high: null };

const classPlot = () => {
  const found = (name, run) => RUNS[run].failures?.classes.find(({ failure }) => failure === name) ?? null;
  const names = Object.keys(CLASSES).filter((name) => RUNS.some((_, run) => found(name, run)?.share.num_passed));
  if (!names.length) return null;
  const groups = names.map((name) => ({ label: name.replaceAll("_", " "), rates: RUNS.map((_, run) => found(name, run)?.share ?? nothing) }));
  const verdicts = (label, run) => Object.entries(found(label.replaceAll(" ", "_"), run)?.verdicts ?? {}).map(([verdict, number]) => `${verdict} ${number}`).join(", ");
  return rateDots("Failed attempts by class", "Of the attempts that failed, each in the first class that fits; 95 % intervals. The list of problems can be filtered by class.",
    groups, { what: "of failed", isWhole: false, extra: ["verdicts", verdicts] });
};

const markTable = () => {
  const shown = Object.keys(DATA.marks).filter((mark) => RUNS.some(({ failures }) => failures?.marks.some((found) => found.mark === mark && found.failed.num_passed + found.passed.num_passed)));
  if (!shown.length) return null;
  const rate = (run, mark, side) => { const found = RUNS[run].failures?.marks.find((one) => one.mark === mark); return found ? `${found[side].num_passed}/${found[side].num_total}` : "–"; };
  const heads = RUNS.flatMap((_, run) => (RUNS.length > 1 ? [`${LETTERS[run]} failed`, `${LETTERS[run]} passed`] : ["failed", "passed"]));
  return el("figure", { class: "plot" },
    el("figcaption", {}, el("h3", {}, "Marks on failed and on passed attempts"),
      el("p", { class: "note" }, "What stands on the record, not why. A mark that passed attempts bear as often explains nothing.")),
    table(["mark", ...heads], shown.map((mark) => [el("span", { title: DATA.marks[mark][1] }, DATA.marks[mark][0]), ...RUNS.flatMap((_, run) => [rate(run, mark, "failed"), rate(run, mark, "passed")])]), { kind: "numbers words", caption: null }));
};

const mastTable = () => {
  const first = RUNS.find(({ failures }) => failures)?.failures;
  if (!first || !first.num_failed) return null;
  const number = (run, code) => { const mode = RUNS[run].failures?.mast.find((one) => one.code === code); return mode?.num_failed_units === null || !mode ? "–" : `${mode.num_failed_units}`; };
  return el("figure", { class: "plot" },
    el("figcaption", {}, el("h3", {}, "MAST's modes of failure"), el("p", { class: "note" }, "Failed attempts that show a mode of MAST (2503.13657); – where no record can show it.")),
    unfold("Modes", () => table(["mode", ...RUNS.map((_, run) => (RUNS.length > 1 ? LETTERS[run] : "failed"))],
      first.mast.map(({ code, name, reason }) => [el("span", { title: reason }, `${code} ${name}`), ...RUNS.map((_, run) => number(run, code))]), { kind: "numbers words", caption: "MAST" }), { kind: "quiet" }));
};

const estimate = (found) => found === null ? "–" : found.value.toFixed(3) + (found.low === null ? "" : ` [${found.low.toFixed(3)} – ${found.high.toFixed(3)}]`);

// Stated confidence against what came of it; on the line confidence means what it says.
const reliabilityPlot = (title, note, which) => {
  const series = RUNS.map(({ calibration }) => calibration?.[which] ?? null);
  if (!series.some(Boolean)) return null;
  const draw = (width) => {
    const [left, right, top, bottom, height] = [38, 14, 24, 38, 280];
    const x = (share) => left + share * (width - left - right);
    const y = (share) => top + (1 - share) * (height - top - bottom);
    const ticks = [0, 0.25, 0.5, 0.75, 1];
    return canvas(width, height,
      ticks.map((share) => [
        svg("line", { x1: left, x2: width - right, y1: y(share), y2: y(share), class: "grid" }),
        write(left - 6, y(share) + 4, `${100 * share}`, { "text-anchor": "end", class: "tick" }),
        write(x(share), height - bottom + 17, `${100 * share}`, { "text-anchor": "middle", class: "tick" })]),
      svg("line", { x1: x(0), y1: y(0), x2: x(1), y2: y(1), class: "ideal" }),
      svg("line", { x1: left, x2: width - right, y1: y(0), y2: y(0), class: "axis" }),
      write(width - right, height - 4, "stated confidence, %", { "text-anchor": "end", class: "tick" }),
      write(2, 11, "passed, %", { class: "tick" }),
      series.map((found, run) => found && svg("g", { class: `series ${colour(run)}` }, found.bins.filter((bin) => bin.passed.num_total).map((bin) => reliabilityMark(bin, run, x, y, series)))));
  };
  const rows = series.flatMap((found, run) => found === null ? [] : found.bins.filter((bin) => bin.passed.num_total).map((bin) => [
    `${RUNS.length > 1 ? `${runName(run)} · ` : ""}${bin.low}–${bin.high}`, percent(bin.mean_confidence), count(bin.passed.num_passed), count(bin.passed.num_total), percent(shareOf(bin.passed)), intervalOf(bin.passed)]));
  const facts = series.flatMap((found, run) => found === null ? [] : [el("li", {}, RUNS.length > 1 ? el("strong", {}, `${LETTERS[run]} `) : null,
    `${plural(found.num_plans, "plan")} · Brier ${estimate(found.brier)} (of the base rate ${found.brier_of_base.toFixed(3)}) · calibration error ${estimate(found.error)} · AUROC ${estimate(found.auroc)}`)]);
  const figure = plot(title, note, draw, ["confidence", "mean", "passed", "of", "share", "95 % interval"], rows);
  figure.querySelector(".canvas").after(el("ul", { class: "bare note" }, facts));
  return figure;
};

const reliabilityMark = (bin, run, x, y, series) => {
  const shift = (run - (series.length - 1) / 2) * 0.008;
  const [at, share] = [x(bin.mean_confidence + shift), shareOf(bin.passed)];
  return [
    bin.passed.low !== null && svg("line", { x1: at, x2: at, y1: y(bin.passed.low), y2: y(bin.passed.high), class: "interval" }),
    svg("g", {}, svg("title", {}, `${bin.low}–${bin.high}: ${bin.passed.num_passed} of ${bin.passed.num_total} passed`), mark(run, at, y(share))),
    series.length === 1 && write(at + (at > x(0.85) ? -8 : 8), y(share) + (share < 0.1 ? -6 : 14), `n ${bin.passed.num_total}`, { class: "tick", "text-anchor": at > x(0.85) ? "end" : "start" })];
};

const ROLES = ["retrieval", "planning", "coding", "debugging"];
const MOST_TAGS = 20;

// Each role's share in what a teacher mends: a row for all failures, a row a tag.
const heatMap = (run) => {
  const found = RUNS[run].attribution;
  if (!found) return null;
  const all = { tag: "all failures", num_failures: found.num_failures, shares: Object.fromEntries(found.roles.map(({ role, share }) => [role, share])) };
  const lines = [all, ...found.tags];
  const drawn = lines.slice(0, MOST_TAGS + 1);
  const draw = (width) => {
    const left = Math.min(190, Math.max(90, width * 0.32));
    const [cell, step] = [(width - left) / ROLES.length, 27];
    return canvas(width, drawn.length * step + 26,
      ROLES.map((role, n) => write(left + (n + 0.5) * cell, 14, cell < 70 ? role.slice(0, 5) : role, { "text-anchor": "middle", class: "label" })),
      drawn.map(({ tag, num_failures, shares }, row) => {
        const y = 22 + row * step + (row ? 4 : 0);
        return [
          write(left - 8, y + 16, `${shortened(tag, Math.floor(left / 8.5))} (${num_failures})`, { "text-anchor": "end", class: "label" }),
          ROLES.map((role, n) => heatCell(shares[role]?.mean ?? 0, left + n * cell, y, cell, step))];
      }));
  };
  const rows = lines.flatMap(({ tag, num_failures, shares }) => ROLES.map((role) => [`${tag} · ${role}`, count(num_failures), fixed(shares[role]?.mean, 3), shares[role]?.low == null ? "–" : `${shares[role].low.toFixed(3)} – ${shares[role].high.toFixed(3)}`]));
  const kind = found.is_partial ? "the gain along the pipeline's order, one of 24 orders" : "its Shapley share";
  const note = `${RUNS.length > 1 ? `${runName(run)}. ` : ""}A role's part in what a teacher mends: ${kind}, as a mean over ${count(found.num_failures)} of ${plural(found.num_failed, "failure")}, ${found.num_replays} replays of each set of roles. Mended by one role alone ${found.num_alone}, only by several ${found.num_together}, by drawing again ${found.num_by_luck}, by nothing ${found.num_unmended}.`;
  const figure = plot("Which role mends the failures", note, draw, ["", "failures", "share", "95 % interval"], rows, { hasLegend: false });
  if (!found.isCurrent) figure.querySelector(".canvas").before(el("p", { class: "warned" }, "The run has changed since: this speaks of an earlier state of it."));
  return figure;
};

const heatCell = (share, x, y, cell, step) => svg("g", { class: `heat ${share < 0 ? "minus" : "plus"}` },
  svg("rect", { x: x + 1, y, width: cell - 2, height: step - 3, "fill-opacity": Math.min(0.75, 0.04 + Math.abs(share) * 0.9).toFixed(3) }),
  write(x + cell / 2, y + 16, share.toFixed(2).replace("-", "−"), { "text-anchor": "middle" }));

const findingPlots = () => [
  classPlot(),
  reliabilityPlot("Confidence of submitted plans", "Against the hidden tests: of every graded attempt the plan whose program was submitted. On the line, confidence means what it says.", "hidden"),
  reliabilityPlot("Confidence of tried plans", "Against the public tests: every plan that was tried. The surest is tried first, so the less sure ones come of harder problems.", "public"),
  RUNS.map((_, run) => heatMap(run)),
  markTable(), mastTable(),
];
