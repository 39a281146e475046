"""`mapcoder report`: what a run says, and what two runs say side by side.

Knows: one run or two.
Does not know: how numbers are made.
"""

from pathlib import Path
from typing import Annotated

import typer

from mapcoder_lite.cli import options, terminal


def report(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN [RUN]", help="One run, or two to pair.")
    ],
    html: Annotated[
        Path | None,
        typer.Option("--html", help="Also write one self-contained page with every trajectory."),
    ] = None,
    json: options.Json = False,
) -> None:
    """Report pass@1 with intervals, costs and format failures; two runs are paired by problem.

    Exit code 5 = a run's judge failed its self-test or was never examined: nothing is reported.

    Example: mapcoder report runs/untuned runs/adapters
    """
    from mapcoder_lite.errors import ConfigError
    from mapcoder_lite.evaluation.compare import compare
    from mapcoder_lite.evaluation.metrics import measure
    from mapcoder_lite.evaluation.report import comparison_report, run_report
    from mapcoder_lite.statistics import has_statistics

    if len(runs) > 2:
        raise ConfigError(f"{len(runs)} runs given: report takes one run, or two to be paired")
    metrics = [measure(path, has_intervals=has_statistics()) for path in runs]
    comparison = compare(runs[0], runs[1]) if len(runs) == 2 else None
    if html is not None:
        from mapcoder_lite.evaluation.page.writing import write_page

        write_page(runs, metrics, [comparison] if comparison else [], html)
        terminal.say(f"wrote {html}: open it in a browser, it needs no network")
    if json:
        from json import dumps

        dumped = {
            "runs": [m.model_dump(mode="json") for m in metrics],
            "comparison": comparison.model_dump(mode="json") if comparison else None,
        }
        terminal.result(dumps(dumped, indent=2))
        return
    texts = [run_report(m) for m in metrics]
    if comparison is not None:
        texts.append(comparison_report(comparison))
    terminal.result("\n\n".join(texts))
    if not has_statistics():
        terminal.say(
            "intervals need statsmodels: pip install 'mapcoder-lite[evaluation]'", "yellow"
        )
