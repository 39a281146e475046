"""`mapcoder data`: foreign files into problems and, apart from them, hidden tests.

Knows: where imported files go.
Does not know: foreign formats.
"""

from pathlib import Path
from typing import Annotated

import typer

from mapcoder_lite.cli import options, terminal

app = typer.Typer(
    help="Import problems: data/SOURCE/problems.jsonl and hidden_tests.jsonl.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.callback()
def data() -> None:
    """Import problems: data/SOURCE/problems.jsonl and hidden_tests.jsonl."""


@app.command()
def xcodeeval(
    path: Annotated[Path, typer.Argument(help="problems.jsonl or .jsonl.gz as MapCoder ships it.")],
    out: Annotated[Path, typer.Option("--out", help="Folder that gets xcodeeval/.")] = Path("data"),
    json: options.Json = False,
) -> None:
    """Import the xCodeEval validation problems.

    Example: mapcoder data xcodeeval problems.jsonl.gz
    """
    from mapcoder_lite.data.xcodeeval import read_xcodeeval
    from mapcoder_lite.jsonl import write_lines

    imported = read_xcodeeval(path)
    folder = out / "xcodeeval"
    folder.mkdir(parents=True, exist_ok=True)
    write_lines(folder / "problems.jsonl", imported.problems)
    write_lines(folder / "hidden_tests.jsonl", imported.hidden_tests)
    defective = [hidden.problem_id for hidden in imported.hidden_tests if hidden.defect]
    num_tests = sum(len(hidden.tests) for hidden in imported.hidden_tests)
    terminal.say(f"{len(imported.problems)} problems, {num_tests} hidden tests")
    if defective:
        terminal.say(
            f"{len(defective)} problems have defective hidden tests (cut short at the source); "
            "reports give a score without them too: " + ", ".join(i[:8] for i in defective)
        )
    files = [str(folder / "problems.jsonl"), str(folder / "hidden_tests.jsonl")]
    if json:
        from json import dumps

        counts = {"num_problems": len(imported.problems), "num_tests": num_tests}
        terminal.result(dumps({**counts, "defective": defective, "files": files}))
    else:
        terminal.result("\n".join(files))
