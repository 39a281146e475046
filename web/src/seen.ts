// What turns the direction of the text around it, commands a terminal or cannot be seen is shown by
// the number of its character, wherever a text is put into an element: a program must not read
// otherwise than it runs. What is copied stays as it was written.

import { Fragment, options } from "preact";

const UNSEEN = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\u{e0000}-\u{e007f}]/gu;

export function seen(text: string): string {
  return text.replace(UNSEEN, (unseen) => `\\u{${unseen.codePointAt(0)!.toString(16)}}`);
}

function shown(child: unknown): unknown {
  if (typeof child === "string") return seen(child);
  return Array.isArray(child) ? child.map(shown) : child;
}

const before = options.vnode;
options.vnode = (vnode) => {
  const props = vnode.props as { children?: unknown; title?: unknown };
  if (typeof vnode.type === "string" || vnode.type === Fragment) {
    if (props.children !== undefined) props.children = shown(props.children);
    if (typeof props.title === "string") props.title = seen(props.title);
  }
  before?.(vnode);
};
