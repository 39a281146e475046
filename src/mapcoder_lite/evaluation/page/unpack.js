// The data of the page: numbers at once, trajectories only when a problem is opened.

const DATA = JSON.parse(byId("overview").textContent);
const ROWS = DATA.rows;
const RUNS = DATA.runs;
const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

const inflated = async (id) => {
  const coded = atob(byId(id).textContent);
  const bytes = new Uint8Array(coded.length);
  for (let place = 0; place < coded.length; place += 1) bytes[place] = coded.charCodeAt(place);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return JSON.parse(await new Response(stream).text());
};

let shared = null;
const opened = new Map();
const MOST_OPENED = 20;

// The attempts at a problem in every run, and the function that turns numbers of paragraphs to text.
const openProblem = async (place) => {
  shared ??= inflated("shared");
  if (!opened.has(place)) {
    if (opened.size >= MOST_OPENED) opened.delete(opened.keys().next().value);
    opened.set(place, inflated(`t${place}`));
  }
  const [common, own] = [await shared, await opened.get(place)];
  const text = (places) => places.map((n) => (n < 0 ? common[-1 - n] : own.texts[n])).join("\n\n");
  return { runs: own.runs, text };
};

// The first sample is what runs are compared by; a grade that is the judge's fault tells nothing.
const firstOf = (row, run) => row.runs[run].find((attempt) => attempt.sample === 0) ?? null;
const passedOf = (row, run) => {
  if (!row.isOne) return null; // one id, two problems
  const attempt = firstOf(row, run);
  return attempt === null || attempt.verdict === null || attempt.verdict === "IE" ? null : attempt.verdict === "AC";
};
const runName = (run) => (RUNS.length > 1 ? `${LETTERS[run] ?? run + 1} ${RUNS[run].name}` : RUNS[run].name);
