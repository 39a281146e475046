"""The page's file: style and script inside it, nothing from outside, nothing else that may run.

Knows: the parts of the file, their order, the content security policy.
Does not know: what numbers mean, how a browser draws them.
"""

import base64
import hashlib
import json
from collections.abc import Callable, Sequence
from importlib.resources import files as package_files
from pathlib import Path
from typing import TextIO

from mapcoder_lite.evaluation.metrics import measure_opened
from mapcoder_lite.evaluation.page.contents import opened_runs, problem_ids, row_and_attempts
from mapcoder_lite.evaluation.page.overview import overview
from mapcoder_lite.evaluation.page.packing import Packed, SharedTexts, Texts, deflated
from mapcoder_lite.evaluation.run_files import RunFiles
from mapcoder_lite.evaluation.standings import Standings
from mapcoder_lite.jsonl import replaced
from mapcoder_lite.statistics import has_statistics
from mapcoder_lite.trajectory import Completion

STYLES = ("page.css", "trajectory.css")
SCRIPTS = (
    "dom.js",
    "unpack.js",
    "diff.js",
    "code.js",
    "plots.js",
    "findings.js",
    "overview.js",
    "list.js",
    "steps.js",
    "trajectory.js",
    "compare.js",
    "main.js",
)
"""In the order in which they stand in the page; each may use those before it."""
_HERE = "<!-- here -->"
"""Where page.html is cut: before it the shell, after it the end of the document."""


def write_page(
    runs: Sequence[RunFiles],
    path: Path,
    confidence: Callable[[Completion], int],
    standings: Standings | None = None,
) -> None:
    """Write the page of opened runs, whole or not at all; `confidence` reads a confidence's reply.

    `standings` are those of the systems that these runs, in order, are the runs of; None: there is
    one run. Without statsmodels there are no intervals.

    Raises:
        StoreError: a line of a run is damaged.
    """
    before, after = _asset("page.html").split(_HERE)
    style, script = "".join(map(_asset, STYLES)), _script()
    metrics = [measure_opened(run, has_intervals=has_statistics()) for run in runs]
    with opened_runs(runs, confidence) as opened, replaced(path) as file:
        file.write(before.replace("{policy}", _policy(style, script)).replace("{style}", style))
        rows: list[Packed] = []
        shared = SharedTexts()
        for problem_id in problem_ids(opened):
            texts = Texts(shared)
            row, attempts = row_and_attempts(problem_id, opened, texts)
            _block(file, f"t{len(rows)}", deflated({"texts": texts.paragraphs, "runs": attempts}))
            shared.leave(texts.paragraphs)
            rows.append(row)
        _block(file, "shared", deflated(shared.paragraphs))
        shown = overview(opened, metrics, standings) | {"rows": rows}
        _block(file, "overview", json.dumps(shown, ensure_ascii=False).replace("<", "\\u003c"))
        file.write(after.replace("{script}", script))


def _block(file: TextIO, name: str, text: str) -> None:
    """Data that the browser neither shows nor runs."""
    file.write(f'<script type="text/plain" id="{name}">{text}</script>\n')


def _script() -> str:
    """The page's whole script: one scope, so that nothing of it can be reached from outside."""
    return '"use strict";\n(() => {\n' + "\n".join(map(_asset, SCRIPTS)) + "})();\n"


def _policy(style: str, script: str) -> str:
    """Nothing is fetched, sent or framed, and no script or style runs but those two."""
    return "; ".join(
        [
            "default-src 'none'",
            f"script-src '{_hash(script)}'",
            f"style-src '{_hash(style)}'",
            "base-uri 'none'",
            "form-action 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        ]
    )


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _asset(name: str) -> str:
    return package_files("mapcoder_lite.evaluation.page").joinpath(name).read_text(encoding="utf-8")
