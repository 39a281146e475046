// Programs and their differences, with line numbers and a little colour. Everything is a text node.

import type { ComponentChildren } from "preact";
import { useMemo } from "preact/hooks";

const WORDS = new Set((
  "and as assert async await auto bool break case catch char class const continue def default del delete do double elif else "
  + "enum except False finally float fn for from func function global goto if import in include int interface is lambda let long "
  + "match mut new None nonlocal not null nullptr or package pass private public raise return self short signed sizeof static "
  + "string struct super switch template this throw True true false try type typedef union unsigned use using var vector virtual "
  + "void where while with yield end then begin elsif unless until foreach fun val object impl pub"
).split(" "));
const REST = /("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(\b\d[\w.]*\b)|([A-Za-z_]\w*)/.source;
const HASHED = new RegExp(`(#.*)|${REST}`, "g");
const SLASHED = new RegExp(`(\\/\\/.*|\\/\\*.*?\\*\\/)|${REST}`, "g");
const HASH_LANGUAGES = new Set(["python", "ruby"]);
const LONGEST_COLOURED = 400;

function coloured(line: string, language: string): ComponentChildren[] {
  if (line.length > LONGEST_COLOURED) return [line];
  const parts: ComponentChildren[] = [];
  let end = 0;
  for (const match of line.matchAll(HASH_LANGUAGES.has(language) ? HASHED : SLASHED)) {
    const [text, comment, string, number, word] = match;
    const kind = comment ? "c" : string ? "s" : number ? "n" : word && WORDS.has(word) ? "k" : null;
    if (kind === null) continue;
    parts.push(line.slice(end, match.index), <span class={`t-${kind}`}>{text}</span>);
    end = match.index + text.length;
  }
  return [...parts, line.slice(end)];
}

const lines = (text: string): string[] => text.replace(/\n$/, "").split("\n");

interface CodeProps { program: string; language: string }

export function Code({ program, language }: CodeProps) {
  const rows = useMemo(() => lines(program).map((line, at) => <tr><td class="num">{at + 1}</td><td class="told">{coloured(line, language)}</td></tr>), [program, language]);
  return <div class="code" tabIndex={0} role="region" aria-label="Program"><table><tbody>{rows}</tbody></table></div>;
}

const KINDS: Record<string, [string, string]> = { "+": ["come", "+"], "-": ["gone", "−"], " ": ["", ""] };

// A unified difference without its two lines of file names, which say nothing here.
export function Diff({ diff, language }: { diff: string; language: string }) {
  const rows = useMemo(() => lines(diff).slice(2).map((line) => changed(line, language)), [diff, language]);
  return <div class="code diff" tabIndex={0} role="region" aria-label="Difference to the version before"><table><tbody>{rows}</tbody></table></div>;
}

function changed(line: string, language: string) {
  if (line.startsWith("@@")) return <tr class="skip-row"><td colSpan={2}>{line}</td></tr>;
  const [kind, sign] = KINDS[line[0] ?? " "] ?? ["", ""];
  return <tr class={kind}><td class="sign">{sign}</td><td class="told">{coloured(line.slice(1), language)}</td></tr>;
}
