// Elements, made of names, attributes and children. A string is always a text node: nothing in this
// page is ever parsed as HTML, whatever a model wrote.

// What turns the direction of the text around it, commands a terminal or cannot be seen is shown by
// the number of its character: a program must not read otherwise than it runs.
const UNSEEN = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\u{e0000}-\u{e007f}]/gu;
const seen = (text) => text.replace(UNSEEN, (unseen) => `\\u{${unseen.codePointAt(0).toString(16)}}`);

const SVG = "http://www.w3.org/2000/svg";

const filled = (node, attributes, children) => {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : name === "title" ? seen(String(value)) : String(value));
  }
  const shown = children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false);
  node.append(...shown.map((child) => child instanceof Node ? child : seen(String(child))));
  return node;
};

const el = (name, attributes = {}, ...children) => filled(document.createElement(name), attributes, children);
const svg = (name, attributes = {}, ...children) => filled(document.createElementNS(SVG, name), attributes, children);
const byId = (id) => document.getElementById(id);

const whole = new Intl.NumberFormat("en-US");
const count = (number) => whole.format(Math.round(number));
const fixed = (number, places) => number === null || number === undefined ? "–" : number.toFixed(places);
// A half is rounded to even, as the terminal's report does.
const percent = (share, places = 1) => share === null || share === undefined ? "–" : `${new Intl.NumberFormat("en-US", { minimumFractionDigits: places, maximumFractionDigits: places, roundingMode: "halfEven", useGrouping: false }).format(100 * share)} %`;
const seconds = (number) => number >= 100 ? `${count(number)} s` : `${number.toFixed(1)} s`;
const plural = (number, word) => `${count(number)} ${word}${number === 1 ? "" : "s"}`;

const VERDICTS = {
  AC: "accepted",
  WA: "wrong answer",
  TLE: "time limit exceeded",
  MLE: "memory limit exceeded",
  OLE: "output limit exceeded",
  RE: "runtime error",
  CE: "compile error",
  SEC: "forbidden system call",
  IE: "internal error of the judge, not scored",
  SK: "not run",
  "no program": "no program was submitted",
};
const NO_VERDICT = "–";

// A verdict is told by letters; colour only helps to find it.
const chip = (verdict, title) => {
  const shown = verdict === "no program" ? "none" : verdict ?? NO_VERDICT;
  const known = verdict in VERDICTS ? shown : "other";
  return el("span", { class: `chip v-${known === NO_VERDICT ? "other" : known}`, title: title ?? VERDICTS[verdict] ?? "not graded" }, shown);
};

const STOPS = {
  solved: "a program passed all public tests",
  exhausted: "all plans and debug rounds, or the only program, were used",
  untested: "no public tests: the first program was taken",
  no_recall: "the retrieval replies could not be read",
  no_plan: "no plan came back",
  no_program: "no reply held a program",
  lost: "a reply that could not be read ended it",
  answered: "what was asked for came: a hint, or plans",
  too_long: "a prompt did not fit the model's context",
  error: "the house failed",
};

// What is made only when it is looked at: most prompts never are.
const unfold = (summary, make, { isOpen = false, kind = "" } = {}) => {
  const box = el("details", { class: `unfold ${kind}`, open: isOpen }, el("summary", {}, summary));
  let isMade = false;
  const fill = () => {
    if (isMade || !box.open) return;
    isMade = true;
    box.append(...[make()].flat(Infinity).filter(Boolean));
  };
  box.addEventListener("toggle", fill);
  fill();
  return box;
};

const table = (head, rows, { kind = "", caption = null } = {}) =>
  el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": caption ?? "table" },
    el("table", { class: kind },
      caption && el("caption", {}, caption),
      head && el("thead", {}, el("tr", {}, head.map((cell) => el("th", { scope: "col" }, cell)))),
      el("tbody", {}, rows.map((row) =>
        el("tr", {}, row.map((cell, place) => el(place ? "td" : "th", place ? {} : { scope: "row" }, cell)))))));
