// Where the reader is: the address after # names the view, keys and links change it.

const VIEWS = [["overview", "Overview"], ["problems", "Problems"], ...(RUNS.length > 1 ? [["compare", "Compare"]] : [])];
const KEYS = [
  ["1 2 3", "overview, problems, compare"], ["j  k", "next, previous problem"], ["h  l", "to the list, to the trajectory"],
  ["n  N", "next, previous step"], ["s", "both runs side by side"], ["/", "filter"], ["?", "this help"],
];
const main = byId("main");
let panes = null;
let wanted = 0;

const go = (hash) => { if (location.hash === hash) show(); else location.hash = hash; };

const addressed = () => {
  const [view, id, sample, mode] = location.hash.slice(1).split("/");
  if (view === "problem" && id !== undefined) {
    const place = ROWS.findIndex((row) => encodeURIComponent(row.id) === id);
    if (place >= 0) return { view: "problems", place, sample: Number(sample ?? 0), mode: mode ?? (lastMode === "both" || lastMode < RUNS.length ? lastMode : null) };
  }
  return { view: VIEWS.some(([name]) => name === view) ? view : "overview", place: null };
};
let lastMode = null;

const show = () => {
  const { view, place, sample, mode } = addressed();
  byId("views").replaceChildren(...VIEWS.map(([name, words]) => el("a", { href: `#${name}`, "aria-current": name === view ? "page" : null }, words)));
  document.body.dataset.view = view;
  if (view !== "problems") {
    panes = null;
    listParts = null;
    main.replaceChildren(view === "compare" ? compareView() : overviewView());
    scrollTo(0, 0);
    return;
  }
  if (panes === null) openProblems();
  panes.root.dataset.open = place === null ? "" : "yes";
  if (place !== null) showProblem(place, sample, mode);
  else if (chosen.current !== null) showCurrent(chosen.current);
};

const openProblems = () => {
  const detail = el("section", { class: "detail", id: "detail", tabindex: -1, "aria-label": "Problem" },
    el("p", { class: "note empty" }, "Choose a problem. j and k go through the list, ? shows all keys."));
  const root = el("div", { class: "problems" }, listView(), detail);
  panes = { root, detail };
  main.replaceChildren(root);
  refilter();
};

const showProblem = async (place, sample, mode) => {
  lastMode = mode;
  showCurrent(place);
  const ticket = (wanted += 1);
  const { detail } = panes;
  try {
    const view = await problemView(place, sample, mode);
    if (ticket !== wanted) return; // another one was opened meanwhile
    detail.replaceChildren(view);
  } catch (error) {
    if (ticket !== wanted) return;
    detail.replaceChildren(el("p", { class: "warned" }, `This problem's trajectories cannot be read (${error.message}): the file is damaged, or the browser is older than 2023. Write the page again.`));
  }
  detail.scrollTop = 0;
  document.title = `${ROWS[place].title || ROWS[place].id} – MapCoder-Lite report`;
  byId("spoken").textContent = seen(`Problem ${ROWS[place].title || ROWS[place].id} opened`);
};

const move = (distance) => {
  const place = neighbour(distance);
  if (place !== null && place !== chosen.current) go(problemLink(place, 0, lastMode));
};

const moveStep = (distance) => {
  const cards = [...document.querySelectorAll("#detail .step")];
  const current = cards.indexOf(document.activeElement);
  const next = cards[Math.min(cards.length - 1, Math.max(0, current + distance))];
  next?.focus({ preventScroll: true });
  next?.scrollIntoView({ block: "start" });
};

const KEY_ACTIONS = {
  1: () => go("#overview"), 2: () => go("#problems"), 3: () => RUNS.length > 1 && go("#compare"),
  j: () => (panes ? move(1) : go("#problems")), k: () => panes && move(-1),
  h: () => panes && (go("#problems"), listParts.box.focus()), l: () => panes && chosen.current !== null && (go(problemLink(chosen.current, 0, lastMode)), panes.detail.focus()),
  n: () => panes && moveStep(1), N: () => panes && moveStep(-1),
  s: () => panes && RUNS.length > 1 && chosen.current !== null && go(problemLink(chosen.current, 0, lastMode === "both" ? 0 : "both")),
  "/": () => { if (!panes) go("#problems"); setTimeout(() => listParts?.text.focus()); },
  "?": () => helpBox.showModal(),
};

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const isTyping = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName ?? "");
  if (isTyping) {
    if (event.key === "Escape" || (event.key === "Enter" && event.target.id === "filter")) listParts?.box.focus();
    return;
  }
  const inList = event.target.id === "rows" && { ArrowDown: "j", ArrowUp: "k", Enter: "l", ArrowRight: "l" }[event.key];
  const action = KEY_ACTIONS[inList || event.key];
  if (!action || helpBox.open) return;
  event.preventDefault();
  action();
});

const helpBox = el("dialog", { "aria-label": "Keys" }, el("h2", {}, "Keys"),
  el("table", {}, el("tbody", {}, KEYS.map(([keys, words]) => el("tr", {}, el("th", { scope: "row" }, keys.split(/ +/).map((key) => [el("kbd", {}, key), " "])), el("td", {}, words))))),
  el("form", { method: "dialog" }, el("button", {}, "close")));

const THEMES = [["", "◐", "as the system"], ["light", "○", "light"], ["dark", "●", "dark"]];
const setTheme = (number) => {
  const [name, sign, words] = THEMES[number % THEMES.length];
  document.documentElement.dataset.theme = name;
  const button = byId("theme");
  button.textContent = sign;
  button.title = `Colours: ${words}`;
  button.setAttribute("aria-label", `Colours: ${words}`);
  button.onclick = () => setTheme(number + 1);
};

document.body.append(helpBox);
byId("help").onclick = () => helpBox.showModal();
byId("title").textContent = seen(RUNS.map((_, run) => RUNS[run].name).join(" · "));
document.title = `${byId("title").textContent} – MapCoder-Lite report`;
setTheme(0);
addEventListener("hashchange", show);
show();
