// Lines of two texts side by side: what stays, what goes, what comes.

const MOST_CELLS = 4e6;

// The longest common subsequence of two lists, as pairs of places; `same` tells equal members.
const common = (before, after) => {
  let start = 0;
  while (start < before.length && start < after.length && before[start] === after[start]) start += 1;
  let [endA, endB] = [before.length, after.length];
  while (endA > start && endB > start && before[endA - 1] === after[endB - 1]) [endA, endB] = [endA - 1, endB - 1];
  const pairs = [];
  for (let n = 0; n < start; n += 1) pairs.push([n, n]);
  pairs.push(...middle(before, after, start, endA, endB));
  for (let n = 0; endA + n < before.length; n += 1) pairs.push([endA + n, endB + n]);
  return pairs;
};

const middle = (before, after, start, endA, endB) => {
  const [rows, columns] = [endA - start, endB - start];
  if (rows * columns === 0 || rows * columns > MOST_CELLS) return [];
  const width = columns + 1;
  const lengths = new Uint32Array((rows + 1) * width);
  for (let a = rows - 1; a >= 0; a -= 1)
    for (let b = columns - 1; b >= 0; b -= 1)
      lengths[a * width + b] = before[start + a] === after[start + b]
        ? lengths[(a + 1) * width + b + 1] + 1
        : Math.max(lengths[(a + 1) * width + b], lengths[a * width + b + 1]);
  const pairs = [];
  for (let a = 0, b = 0; a < rows && b < columns;) {
    if (before[start + a] === after[start + b]) pairs.push([start + a++, start + b++]);
    else if (lengths[(a + 1) * width + b] >= lengths[a * width + b + 1]) a += 1;
    else b += 1;
  }
  return pairs;
};

// Members of both lists in one order: [before or null, after or null].
const aligned = (before, after, pairs) => {
  const rows = [];
  let [a, b] = [0, 0];
  for (const [nextA, nextB] of [...pairs, [before.length, after.length]]) {
    while (a < nextA) rows.push([before[a++], null]);
    while (b < nextB) rows.push([null, after[b++]]);
    if (a < before.length && b < after.length) rows.push([before[a++], after[b++]]);
  }
  return rows;
};

const lineDiff = (before, after) => {
  const [a, b] = [before.split("\n"), after.split("\n")];
  return aligned(a, b, common(a, b));
};

const CONTEXT = 3;

// A diff as a table of lines; long stretches that stay are left out, and said.
const diffView = (before, after, names, language) => {
  const rows = lineDiff(before, after);
  const changed = rows.map(([a, b]) => a === null || b === null);
  if (!changed.includes(true)) return el("p", { class: "note" }, "The program is the same, to the letter.");
  const isShown = rows.map((_, place) => changed.slice(Math.max(0, place - CONTEXT), place + CONTEXT + 1).includes(true));
  const lines = [];
  let [numA, numB, numHidden] = [0, 0, 0];
  const sayHidden = () => {
    if (numHidden) lines.push(el("tr", { class: "skip-row" }, el("td", { colspan: 4 }, `${plural(numHidden, "line")} unchanged`)));
    numHidden = 0;
  };
  rows.forEach(([a, b], place) => {
    numA += a !== null;
    numB += b !== null;
    if (!isShown[place]) { numHidden += 1; return; }
    sayHidden();
    const [kind, sign] = b === null ? ["gone", "−"] : a === null ? ["come", "+"] : ["kept", " "];
    lines.push(el("tr", { class: kind },
      el("td", { class: "num" }, a === null ? "" : numA),
      el("td", { class: "num" }, b === null ? "" : numB),
      el("td", { class: "sign" }, sign),
      el("td", { class: "told" }, coloured(a ?? b, language))));
  });
  sayHidden();
  const [gone, come] = [rows.filter(([, b]) => b === null).length, rows.filter(([a]) => a === null).length];
  return el("div", { class: "code", tabindex: 0, role: "region", "aria-label": `Difference: ${names}` },
    el("table", { class: "diff" },
      el("caption", {}, `${names}: `, el("span", { class: "come" }, `+${come}`), " ", el("span", { class: "gone" }, `−${gone}`), " lines"),
      el("tbody", {}, lines)));
};
