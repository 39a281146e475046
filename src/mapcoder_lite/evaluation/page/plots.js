// Plots as SVG in the page's own colours. Each is drawn at the width it is given, and has its numbers
// as a table beneath, for whoever cannot see it or wants to copy them.

const LABEL = 12;
const shortened = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);
const mark = (kind, x, y) => [
  () => svg("circle", { cx: x, cy: y, r: 4.5 }),
  () => svg("rect", { x: x - 4, y: y - 4, width: 8, height: 8 }),
  () => svg("path", { d: `M${x} ${y - 5.5}L${x + 5.5} ${y}L${x} ${y + 5.5}L${x - 5.5} ${y}Z` }),
  () => svg("path", { d: `M${x} ${y - 5}L${x + 5} ${y + 4}L${x - 5} ${y + 4}Z` }),
][kind % 4]();
const colour = (run) => `s${run % 6}`;

const write = (x, y, text, attributes = {}) => svg("text", { x, y, ...attributes }, text);

const legend = () => RUNS.length < 2 ? null : el("p", { class: "legend" }, RUNS.map((_, run) =>
  el("span", {}, svg("svg", { width: 14, height: 14, viewBox: "0 0 14 14", "aria-hidden": "true" }, svg("g", { class: `series ${colour(run)}` }, mark(run, 7, 7))), runName(run))));

// `draw(width)` returns the drawing; it is drawn anew when the page gets wider or narrower.
const plot = (title, note, draw, head, rows, { hasLegend = true, kind = "" } = {}) => {
  const sheet = el("div", { class: "canvas" });
  let drawnAt = 0;
  const redraw = () => {
    const width = Math.floor(sheet.clientWidth);
    if (!width || width === drawnAt) return;
    drawnAt = width;
    const drawing = draw(width);
    drawing.setAttribute("role", "img");
    drawing.setAttribute("aria-label", `${title}. The numbers stand in the table below.`);
    sheet.replaceChildren(drawing);
  };
  new ResizeObserver(redraw).observe(sheet);
  return el("figure", { class: `plot ${kind}` },
    el("figcaption", {}, el("h3", {}, title), el("p", { class: "note" }, note)),
    hasLegend && legend(), sheet,
    unfold("Numbers", () => table(head, rows, { kind: "numbers", caption: title }), { kind: "quiet" }));
};

const canvas = (width, height, ...children) =>
  svg("svg", { width, height, viewBox: `0 0 ${width} ${height}`, class: "drawing" }, ...children);

const niceTicks = (most, number) => {
  const rough = most / number || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10);
  return Array.from({ length: Math.floor(most / step + 1e-9) + 1 }, (_, n) => n * step);
};
const tickName = (value) => value >= 1e6 ? `${value / 1e6}M` : value >= 1e3 ? `${value / 1e3}k` : String(Math.round(value * 100) / 100);

const shareOf = (rate) => (rate && rate.num_total ? rate.num_passed / rate.num_total : null);
const intervalOf = (rate) => rate.low === null || rate.low === undefined ? "–" : `${(100 * rate.low).toFixed(1)} – ${(100 * rate.high).toFixed(1)} %`;

const niceShare = (most) => [0.04, 0.1, 0.2, 0.4, 0.6, 0.8].find((top) => most <= top) ?? 1;

// A line a label, a mark a run: `groups` = [{label, rates: one a run, null where there is none}].
const rateDots = (title, note, groups, { what = "passed", kind = "", isWhole = true, extra = null, mostDrawn = Infinity } = {}) => {
  const drawn = groups.slice(0, mostDrawn);
  const most = isWhole ? 1 : niceShare(Math.max(...groups.flatMap(({ rates }) => rates.map((rate) => (rate ? rate.high ?? shareOf(rate) ?? 0 : 0)))));
  const draw = (width) => {
    const left = Math.min(170, Math.max(70, width * 0.32));
    const right = width < 420 || RUNS.length > 2 ? 14 : 62;
    const step = RUNS.length === 1 ? 22 : 12 * RUNS.length + 10;
    const height = drawn.length * step + 28;
    const x = (share) => left + (share / most) * (width - left - right);
    const grid = [0, 0.25, 0.5, 0.75, 1].map((part) => part * most).map((share) => [
      svg("line", { x1: x(share), x2: x(share), y1: 2, y2: height - 24, class: "grid" }),
      write(x(share), height - 8, tickName(100 * share), { "text-anchor": "middle", class: "tick" }),
    ]);
    const lines = drawn.map(({ label, rates }, row) => {
      const top = row * step + 4;
      const marks = rates.map((rate, run) => rate && rate.num_total ? rateMark(rate, run, x, top + (step - 8) * ((run + 0.5) / rates.length) + 2, right > 20 ? width : null) : null);
      return [write(left - 10, top + step / 2, shortened(label, Math.floor(left / 7)), { "text-anchor": "end", class: "label" }, ), marks];
    });
    return canvas(width, height, grid, write(2, height - 8, `${what}, %`, { class: "tick" }), lines);
  };
  const rows = groups.flatMap(({ label, rates }) => rates.map((rate, run) => rate === null ? null : [
    RUNS.length > 1 ? `${label} · ${runName(run)}` : label, count(rate.num_passed), count(rate.num_total), percent(shareOf(rate)), intervalOf(rate), ...(extra ? [extra[1](label, run)] : []),
  ])).filter(Boolean);
  return plot(title, note, draw, ["", what, "of", "share", "95 % interval", ...(extra ? [extra[0]] : [])], rows, { kind });
};

const rateMark = (rate, run, x, y, edge) => {
  const share = shareOf(rate);
  const hasInterval = rate.low !== null && rate.low !== undefined;
  return svg("g", { class: `series ${colour(run)}` },
    svg("title", {}, `${runName(run)}: ${rate.num_passed} of ${rate.num_total}, ${percent(share)}`),
    hasInterval && svg("line", { x1: x(rate.low), x2: x(rate.high), y1: y, y2: y, class: "interval" }),
    mark(run, x(share), y),
    edge && write(edge - 2, y + 4, `${rate.num_passed}/${rate.num_total}`, { "text-anchor": "end", class: "tick" }));
};

// Share of problems solved by attempts that took at most so much, one step line a run.
const solvedAgainst = (title, note, unit, amountOf) => {
  const series = RUNS.map((_, run) => solvedSteps(run, amountOf)).map((steps) => (steps.total ? steps : null));
  const most = Math.max(1e-9, ...series.filter(Boolean).map((steps) => steps.most));
  const draw = (width) => {
    const [left, right, top, bottom, height] = [38, 12, 8, 36, 230];
    const x = (amount) => left + (amount / most) * (width - left - right);
    const y = (share) => top + (1 - share) * (height - top - bottom);
    return canvas(width, height,
      [0, 0.25, 0.5, 0.75, 1].map((share) => [
        svg("line", { x1: left, x2: width - right, y1: y(share), y2: y(share), class: "grid" }),
        write(left - 6, y(share) + 4, `${100 * share}`, { "text-anchor": "end", class: "tick" })]),
      niceTicks(most, width < 420 ? 4 : 7).map((value) => [
        svg("line", { x1: x(value), x2: x(value), y1: y(0), y2: y(0) + 4, class: "axis" }),
        write(x(value), y(0) + 17, tickName(value), { "text-anchor": "middle", class: "tick" })]),
      svg("line", { x1: left, x2: width - right, y1: y(0), y2: y(0), class: "axis" }),
      write(width - right, height - 3, unit, { "text-anchor": "end", class: "tick" }),
      series.map((steps, run) => steps && svg("g", { class: `series ${colour(run)}` },
        svg("path", { class: `curve d${run % 4}`, d: `M${x(0)} ${y(0)}` + steps.points.map(([amount, share]) => `H${x(amount)}V${y(share)}`).join("") + `H${x(most)}` }),
        steps.points.length ? mark(run, x(steps.points.at(-1)[0]), y(steps.points.at(-1)[1])) : null)));
  };
  const rows = series.flatMap((steps, run) => steps === null ? [] : [[
    runName(run), ...[0.25, 0.5, 0.75, 0.9].map((part) => steps.quantile(part)), percent(steps.points.at(-1)?.[1] ?? 0)]]);
  return plot(title, note, draw, ["run", "25 % of solved by", "50 %", "75 %", "90 %", "solved in all"], rows);
};

const solvedSteps = (run, amountOf) => {
  const tried = ROWS.map((row) => firstOf(row, run)).filter((a) => a !== null && a.verdict !== null && a.verdict !== "IE");
  const amounts = tried.filter((a) => a.verdict === "AC").map(amountOf).sort((a, b) => a - b);
  return {
    total: tried.length,
    most: Math.max(...tried.map(amountOf), 0),
    points: amounts.map((amount, place) => [amount, (place + 1) / tried.length]),
    quantile: (part) => amounts.length ? count(amounts[Math.min(amounts.length - 1, Math.ceil(part * amounts.length) - 1)]) : "–",
  };
};

// One bar a run, cut into parts that carry their letters: `parts` = [[name, one number a run]].
const stackedBars = (title, note, parts, classOf) => {
  const totals = RUNS.map((_, run) => parts.reduce((sum, [, numbers]) => sum + numbers[run], 0));
  const draw = (width) => {
    const named = RUNS.length > 1;
    const step = named ? 54 : 38;
    const bars = RUNS.map((_, run) => {
      let x = 0;
      const top = run * step + (named ? 18 : 2);
      const pieces = parts.map(([name, numbers]) => {
        const length = totals[run] ? (numbers[run] / totals[run]) * width : 0;
        const start = x;
        x += length;
        if (!length) return null;
        const words = [`${name} ${numbers[run]}`, name, ""].find((word) => word.length * 7.5 + 10 < length) ?? "";
        return svg("g", { class: `piece ${classOf(name)}` },
          svg("title", {}, `${name}: ${numbers[run]} of ${totals[run]}`),
          svg("rect", { x: start, y: top, width: Math.max(1, length - 1.5), height: 28 }),
          words && write(start + length / 2, top + 18.5, words, { "text-anchor": "middle" }));
      });
      return [named && write(0, top - 6, runName(run), { class: "label" }), pieces];
    });
    return canvas(width, RUNS.length * step, bars);
  };
  const rows = parts.map(([name, numbers]) => [name, ...numbers.flatMap((number, run) => [count(number), percent(totals[run] ? number / totals[run] : null)])]);
  return plot(title, note, draw, ["", ...RUNS.flatMap((_, run) => [runName(run), "share"])], rows, { hasLegend: false });
};

// Bars from the left: `bars` = [{label, length 0 to 1, words, kind}].
const plainBars = (title, note, bars, head, rows, { hasLegend = false } = {}) => {
  const draw = (width) => {
    const left = Math.min(230, Math.max(90, width * 0.36));
    const step = 24;
    return canvas(width, bars.length * step + 4, bars.map(({ label, length, words, kind }, row) => {
      const y = row * step + 3;
      const long = Math.max(1.5, length * (width - left - 4));
      const isInside = left + long + words.length * 6.6 > width;
      return [
        write(left - 10, y + 13, shortened(label, Math.floor(left / 6.6)), { "text-anchor": "end", class: "label" }),
        svg("rect", { x: left, y, width: long, height: 17, class: `length ${kind}` }),
        write(isInside ? left + long - 5 : left + long + 6, y + 13, words, { class: isInside ? "tick inside" : "tick", "text-anchor": isInside ? "end" : "start" }),
      ];
    }));
  };
  return plot(title, note, draw, head, rows, { hasLegend });
};
