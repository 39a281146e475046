// The page's frame: bar, views, keys, colours. The address after # says where the reader is.

import { render } from "preact";
import { useEffect, useState } from "preact/hooks";
import "./seen";
import "./style.css";
import { place, useAddress, VIEWS } from "./address";
import { Compared } from "./compared";
import { Evaluations } from "./evaluations";
import { Home } from "./home";
import { Keys } from "./keys";
import { Ladder } from "./ladder";
import { Measured } from "./measured";
import { RunView } from "./run";
import { Runs } from "./runs";
import { nextTheme, useTheme } from "./theme";

function View() {
  const [view = "", first, second, third] = useAddress();
  switch (view) {
    case "runs":
      return first ? <RunView key={first} id={first} call={second === "calls" ? third ?? "" : null} /> : <Runs />;
    case "hints":
      return <Ladder key={first ?? ""} run={first ?? ""} />;
    case "evaluations":
      if (first === "compare" && second && third) return <Compared key={`${second} ${third}`} first={second} second={third} />;
      return first ? <Measured key={first} name={first} /> : <Evaluations />;
    default:
      return <Home />;
  }
}

function Page() {
  const [theme, setTheme] = useTheme();
  const [hasHelp, setHelp] = useState(false);
  const [view = "", first = ""] = useAddress();

  useEffect(() => {
    scrollTo(0, 0);
    document.getElementById("main")?.focus({ preventScroll: true });
  }, [view, first]);

  useEffect(() => {
    const press = (event: KeyboardEvent): void => {
      const at = event.target as HTMLElement;
      if (event.ctrlKey || event.metaKey || event.altKey || at.closest("input, textarea, select, dialog")) return;
      const number = Number(event.key);
      if (number >= 1 && number <= VIEWS.length) place(VIEWS[number - 1]![0]);
      else if (event.key === "?") setHelp(true);
      else if (event.key === "/") focusOn("[data-filter]", event);
    };
    document.addEventListener("keydown", press);
    return () => document.removeEventListener("keydown", press);
  }, []);

  return (
    <>
      <a class="skip" href="#main" onClick={(event) => focusOn("main", event)}>Skip to the content</a>
      <header class="bar">
        <h1><span class="mark" aria-hidden="true">M</span><span id="title">MapCoder-Lite</span></h1>
        <nav aria-label="Views">
          {VIEWS.map(([name, words]) => <a href={`#${name}`} aria-current={name === view || (name === "" && view === "hints") ? "page" : undefined}>{words}</a>)}
        </nav>
        <div class="tools">
          <button type="button" aria-label={`Colours: ${theme}`} title={`Colours: ${theme}`} onClick={() => setTheme(nextTheme(theme))}>{SIGNS[theme]}</button>
          <button type="button" aria-label="Keys" title="Keys" onClick={() => setHelp(true)}>?</button>
        </div>
      </header>
      <main id="main" tabIndex={-1}><View /></main>
      {hasHelp && <Keys onClose={() => setHelp(false)} />}
    </>
  );
}

const SIGNS = { "as the system": "◐", light: "☀", dark: "☾" };

const focusOn = (selector: string, event: Event): void => {
  event.preventDefault();
  document.querySelector<HTMLElement>(selector)?.focus();
};

// A file that is dropped beside its field must not take the page's place.
for (const kind of ["dragover", "drop"]) document.addEventListener(kind, (event) => event.preventDefault());

render(<Page />, document.getElementById("root")!);
