// The list of problems: filtered at every key, and only what is in sight is in the document.

const ROW_HEIGHT = 54;
const SPARE_ROWS = 6;
const chosen = { text: "", verdict: "", tag: "", order: "given", visible: ROWS.map((_, place) => place), current: null };

const searched = ROWS.map((row) => `${row.id} ${row.title} ${row.tags.join(" ")}`.toLowerCase());
const totalTokens = (row) => Math.max(0, ...row.runs.flat().map((attempt) => attempt.tokens[0] + attempt.tokens[1]));
const totalSeconds = (row) => Math.max(0, ...row.runs.flat().map((attempt) => attempt.seconds));

const ORDERS = {
  given: ["order of the run", null],
  rating: ["rating", (row) => row.rating ?? Infinity],
  tokens: ["most tokens", (row) => -totalTokens(row)],
  seconds: ["most seconds", (row) => -totalSeconds(row)],
  failures: ["most format failures", (row) => -Math.max(0, ...row.runs.flat().map((attempt) => attempt.num_unreadable))],
  title: ["title", null],
};

const fits = (row, place) => {
  const words = chosen.text.toLowerCase().split(/\s+/).filter(Boolean);
  if (!words.every((word) => searched[place].includes(word))) return false;
  if (chosen.tag && !row.tags.includes(chosen.tag)) return false;
  return !chosen.verdict || VERDICT_TESTS.get(chosen.verdict)(row);
};

// Every question that the verdict box can ask, by its name.
const VERDICT_TESTS = new Map();
const verdictGroups = RUNS.map((_, run) => {
  const seen = new Set(ROWS.flatMap((row) => row.runs[run].map((attempt) => attempt.verdict)));
  const names = Object.keys(VERDICTS).filter((name) => seen.has(name));
  const options = names.map((name) => {
    VERDICT_TESTS.set(`${run}:${name}`, (row) => row.runs[run].some((attempt) => attempt.verdict === name));
    return [`${run}:${name}`, `${name} – ${VERDICTS[name]}`];
  });
  VERDICT_TESTS.set(`${run}:failed`, (row) => row.runs[run].some((attempt) => attempt.verdict !== null && attempt.verdict !== "AC" && attempt.verdict !== "IE"));
  VERDICT_TESTS.set(`${run}:unreadable`, (row) => row.runs[run].some((attempt) => attempt.num_unreadable));
  VERDICT_TESTS.set(`${run}:samples`, (row) => row.runs[run].some((attempt) => attempt.stop === "solved" && attempt.verdict !== "AC" && attempt.verdict !== null));
  const classes = Object.keys(CLASSES).filter((name) => ROWS.some((row) => row.runs[run].some((attempt) => attempt.failure === name)));
  for (const name of classes) VERDICT_TESTS.set(`${run}:class:${name}`, (row) => row.runs[run].some((attempt) => attempt.failure === name));
  options.push([`${run}:failed`, "any that is not AC"], [`${run}:samples`, "passed the samples, failed hidden tests"], [`${run}:unreadable`, "with an unreadable reply"], ...classes.map((name) => [`${run}:class:${name}`, `class: ${name.replaceAll("_", " ")}`]));
  return [runName(run), options];
});
const pairOptions = RUNS.flatMap((_, a) => RUNS.slice(a + 1).flatMap((_, gap) => {
  const b = a + 1 + gap;
  const [nameA, nameB] = [LETTERS[a], LETTERS[b]];
  return [[true, true, `both ${nameA} and ${nameB}`], [false, true, `gained: ${nameB}, not ${nameA}`], [true, false, `lost: ${nameA}, not ${nameB}`], [false, false, `neither ${nameA} nor ${nameB}`]].map(([wantA, wantB, words]) => {
    VERDICT_TESTS.set(`pair:${a}:${b}:${wantA}:${wantB}`, (row) => passedOf(row, a) === wantA && passedOf(row, b) === wantB);
    return [`pair:${a}:${b}:${wantA}:${wantB}`, words];
  });
}));

const select = (id, label, groups) => el("select", { id, "aria-label": label }, groups.map(([name, options]) => {
  const made = options.map(([value, words]) => el("option", { value }, words));
  return name ? el("optgroup", { label: name }, made) : made;
}));

const rowView = (place, index) => {
  const row = ROWS[place];
  return el("div", { class: "row", role: "option", id: `row${place}`, "aria-selected": String(place === chosen.current), "aria-posinset": index + 1, "aria-setsize": chosen.visible.length, onclick: () => go(problemLink(place)) },
    el("span", { class: "chips" }, row.runs.map((attempts, run) => row.in[run] ? runChip(attempts) : el("span", { class: "chip v-other", title: `not in ${runName(run)}` }, "·"))),
    el("span", { class: "names" }, el("span", { class: "title" }, row.title || row.id), el("span", { class: "sub" }, [row.tags.join(", "), row.title ? row.id : ""].filter(Boolean).join(" · "))),
    el("span", { class: "side" }, el("span", { title: "rating" }, row.rating ?? ""), el("span", { class: "sub", title: "calls of the first attempt" }, RUNS.length === 1 && row.runs[0][0] ? plural(row.runs[0][0].calls, "call") : "")));
};

const runChip = (attempts) => {
  if (attempts.length === 0) return el("span", { class: "chip v-other", title: "owed: no attempt yet" }, NO_VERDICT);
  if (attempts.length === 1) return chip(attempts[0].verdict);
  const passes = attempts.filter((attempt) => attempt.verdict === "AC").length;
  return el("span", { class: `chip ${passes ? "v-AC" : "v-WA"}`, title: `${passes} of ${attempts.length} attempts passed` }, `${passes}/${attempts.length}`);
};

let listParts = null;

const listView = () => {
  const tags = [...new Set(ROWS.flatMap((row) => row.tags))].sort();
  const text = el("input", { id: "filter", type: "search", placeholder: "Filter by title, id, tag   /", "aria-label": "Filter by title, id or tag", autocomplete: "off", spellcheck: "false" });
  const verdict = select("verdict", "Verdict", [["", [["", "any verdict"]]], ...(pairOptions.length ? [["compared", pairOptions]] : []), ...verdictGroups]);
  const tag = select("tag", "Tag", [["", [["", "any tag"], ...tags.map((name) => [name, name])]]]);
  const order = select("order", "Order", [["", Object.entries(ORDERS).map(([value, [words]]) => [value, words])]]);
  const number = el("p", { class: "note", id: "number", role: "status" });
  const spacer = el("div", { class: "spacer" });
  const box = el("div", { class: "rows", id: "rows", role: "listbox", tabindex: 0, "aria-label": "Problems" }, spacer);
  listParts = { text, verdict, tag, order, number, spacer, box };
  text.value = chosen.text;
  verdict.value = chosen.verdict;
  tag.value = chosen.tag;
  order.value = chosen.order;
  text.addEventListener("input", () => { chosen.text = text.value; refilter(); });
  for (const part of ["verdict", "tag", "order"]) listParts[part].addEventListener("change", () => { chosen[part] = listParts[part].value; refilter(); });
  box.addEventListener("scroll", () => requestAnimationFrame(drawRows), { passive: true });
  new ResizeObserver(drawRows).observe(box);
  const clear = el("button", { type: "button", class: "plain", onclick: () => { filterBy({}); text.focus(); } }, "clear");
  return el("section", { class: "list", "aria-label": "List of problems" },
    el("div", { class: "filters" }, text, verdict, tag, order, el("div", { class: "found" }, number, clear)), box);
};

const refilter = () => {
  const [, key] = ORDERS[chosen.order];
  const visible = ROWS.map((_, place) => place).filter((place) => fits(ROWS[place], place));
  if (key) visible.sort((a, b) => key(ROWS[a]) - key(ROWS[b]) || a - b);
  if (chosen.order === "title") visible.sort((a, b) => ROWS[a].title.localeCompare(ROWS[b].title) || a - b);
  chosen.visible = visible;
  if (listParts === null) return;
  listParts.number.textContent = visible.length === ROWS.length ? plural(ROWS.length, "problem") : `${count(visible.length)} of ${plural(ROWS.length, "problem")}`;
  listParts.box.scrollTop = 0;
  drawRows();
};

const filterBy = ({ text = "", verdict = "", tag = "" }) => {
  Object.assign(chosen, { text, verdict, tag });
  if (listParts !== null) Object.assign(listParts.text, { value: text }) && Object.assign(listParts.verdict, { value: verdict }) && Object.assign(listParts.tag, { value: tag });
  refilter();
};

const drawRows = () => {
  if (listParts === null) return; // the view was left before the frame came
  const { box, spacer } = listParts;
  const first = Math.max(0, Math.floor(box.scrollTop / ROW_HEIGHT) - SPARE_ROWS);
  const last = Math.min(chosen.visible.length, Math.ceil((box.scrollTop + box.clientHeight) / ROW_HEIGHT) + SPARE_ROWS);
  spacer.style.height = `${chosen.visible.length * ROW_HEIGHT}px`;
  spacer.replaceChildren(...chosen.visible.slice(first, last).map((place, n) => {
    const row = rowView(place, first + n);
    row.style.top = `${(first + n) * ROW_HEIGHT}px`;
    return row;
  }));
  if (!chosen.visible.length) spacer.append(el("p", { class: "note empty" }, "No problem fits."));
  if (byId(`row${chosen.current}`)) box.setAttribute("aria-activedescendant", `row${chosen.current}`);
  else box.removeAttribute("aria-activedescendant");
};

const showCurrent = (place) => {
  chosen.current = place;
  const index = chosen.visible.indexOf(place);
  const { box } = listParts;
  if (index >= 0 && box.clientHeight) {
    const top = index * ROW_HEIGHT;
    if (top < box.scrollTop) box.scrollTop = top;
    if (top + ROW_HEIGHT > box.scrollTop + box.clientHeight) box.scrollTop = top + ROW_HEIGHT - box.clientHeight;
  }
  drawRows();
};

// The problem so many places further down the list, as it is filtered now.
const neighbour = (distance) => {
  const index = chosen.visible.indexOf(chosen.current);
  if (index < 0) return chosen.visible[0] ?? null;
  return chosen.visible[Math.min(chosen.visible.length - 1, Math.max(0, index + distance))];
};
