"""`mapcoder compare`: two runs paired by problem, and what differs between them.

Knows: two systems, what a regression ends in.
Does not know: how numbers are made.
"""

import sys
from typing import Annotated

import typer

from mapcoder_lite.cli import options
from mapcoder_lite.cli.report import Html, Markdown, Since, Until, show, window_of, write_html


def compare(
    first: Annotated[
        str, typer.Argument(metavar="A", help="A run, or RUN+RUN for the seeds of one system.")
    ],
    second: Annotated[str, typer.Argument(metavar="B", help="Another one.")],
    fail_on_regression: Annotated[
        bool, typer.Option("--fail-on-regression", help="Exit 1 if B is significantly worse.")
    ] = False,
    since: Since = None,
    until: Until = None,
    markdown: Markdown = None,
    html: Html = None,
    json: options.Json = False,
) -> None:
    """Pair two runs by problem: who solved what, whether it is chance, what differs, what it took.

    Problems that only one run has graded are left out, and said. Exit code 1 = B is significantly
    worse (p < 0.05, two-sided) and --fail-on-regression was given; 6 = nothing can be paired.

    Example: mapcoder compare runs/untuned runs/tuned --fail-on-regression
    """
    from mapcoder_lite.evaluation.compare_report import comparison_blocks
    from mapcoder_lite.evaluation.standings import comparison
    from mapcoder_lite.evaluation.systems import open_systems

    systems = open_systems([first, second], window_of(since, until))
    found = comparison(*systems)
    title = f"{found.first.name} and {found.second.name}"
    if html is not None:
        write_html(systems, html, found.standings)
    show(found, comparison_blocks(found), title, markdown, json=json)
    if fail_on_regression and found.is_regression:
        sys.exit(1)
