// Programs with line numbers and a little colour: comments, strings, numbers, words of the language.

const WORDS = new Set((
  "and as assert async await auto bool break case catch char class const continue def default del delete do double elif else "
  + "enum except False finally float fn for from func function global goto if import in include int interface is lambda let long "
  + "match mod mut new None nonlocal not null nullptr or package pass private public raise return self short signed sizeof static "
  + "string struct super switch template this throw True true false try type typedef union unsigned use using var vector virtual "
  + "void where while with yield end then begin elsif unless until foreach fun val object impl pub"
).split(" "));
const REST = /("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(\b\d[\w.]*\b)|([A-Za-z_]\w*)/.source;
const HASHED = new RegExp(`(#.*)|${REST}`, "g");
const SLASHED = new RegExp(`(\\/\\/.*|\\/\\*.*?\\*\\/)|${REST}`, "g");
const HASH_LANGUAGES = new Set(["python", "ruby"]);
const LONGEST_COLOURED = 400;

// A line as text nodes and spans.
const coloured = (line, language) => {
  if (line.length > LONGEST_COLOURED) return [line];
  const parts = [];
  let end = 0;
  for (const match of line.matchAll(HASH_LANGUAGES.has(language) ? HASHED : SLASHED)) {
    const [text, comment, string, number, word] = match;
    const kind = comment ? "c" : string ? "s" : number ? "n" : WORDS.has(word) ? "k" : null;
    if (kind === null) continue;
    parts.push(line.slice(end, match.index), el("span", { class: `t-${kind}` }, text));
    end = match.index + text.length;
  }
  return [...parts, line.slice(end)];
};

const codeView = (program, language, label = "Program") =>
  el("div", { class: "code", tabindex: 0, role: "region", "aria-label": label },
    el("table", {}, el("tbody", {}, program.replace(/\n$/, "").split("\n").map((line, place) =>
      el("tr", {}, el("td", { class: "num" }, place + 1), el("td", { class: "told" }, coloured(line, language)))))));

// Any text of a model, as it is.
const textView = (text, label) =>
  text === "" ? el("p", { class: "note" }, "empty") : el("pre", { class: "text", tabindex: 0, role: "region", "aria-label": label }, text);
