"""The live view and the plain lines of a solve, from the events of real attempts."""

import re
from io import StringIO

from rich.console import Console

from mapcoder_lite.cli import terminal
from mapcoder_lite.cli.lines import Lines
from mapcoder_lite.cli.live import View
from mapcoder_lite.events import Event, Teller
from mapcoder_lite.pipeline import solve
from mapcoder_lite.pocket.teacher import TeacherEngine
from mapcoder_lite.trajectory import Call, Request
from mapcoder_lite.traversals.attempt import Dials
from test_events import MANY, PUZZLES, KnowingJudge


def drawn(view: View) -> str:
    out = StringIO()
    Console(file=out, width=100, force_terminal=True, color_system="standard").print(view.draw())
    return re.sub(r"\x1b\[[0-9;]*m", "", out.getvalue())


def test_the_view_shows_agents_plans_programs_and_samples_as_they_come():
    view, pictures = View(), list[str]()
    teller = Teller(lambda event, call: (view.hear(event, call), pictures.append(drawn(view))))
    engine = TeacherEngine(PUZZLES, MANY)
    for puzzle in PUZZLES[:2]:
        solve(puzzle.problem, engine, KnowingJudge(), Dials(k=2, t=2), teller=teller)
    whole = "\n".join(pictures)
    assert "at work: plan 1, plan 2" in whole
    assert "version 1" in whole
    assert "debug round 1" in whole
    assert re.search(r"samples +1 AC 2 WA", whole)
    assert re.search(r"1 of 2", whole)
    last = pictures[-1]
    assert "at work" not in last
    assert re.search(r"retrieval +\d", last)


class Hostile(TeacherEngine):
    """Writes what would command a terminal, or be read as markup, into every reply."""

    def _text(self, request: Request) -> str:
        return f"{super()._text(request)}\n# \x1b[2J\x07[bold]"


def test_hostile_model_text_commands_no_terminal():
    view, said, pictures = View(), list[str](), list[str]()
    lines = Lines(with_replies=True, say=lambda text, _: said.append(terminal.visible(text)))

    def hear(event: Event, call: Call | None) -> None:
        view.hear(event, call)
        lines.hear(event, call)
        out = StringIO()
        Console(file=out, width=100, force_terminal=False).print(view.draw())
        pictures.append(out.getvalue())

    engine = Hostile(PUZZLES, MANY)
    solve(PUZZLES[1].problem, engine, KnowingJudge(), Dials(k=1, t=1), teller=Teller(hear))
    whole = "".join(pictures + said)
    assert "[bold]" in whole
    assert "\x1b" not in whole and "\x07" not in whole


def test_lines_tell_the_verdict_and_the_diff_of_each_round():
    said: list[str] = []
    lines = Lines(say=lambda text, _: said.append(text))
    for puzzle in PUZZLES:
        engine = TeacherEngine(PUZZLES, MANY)
        solve(puzzle.problem, engine, KnowingJudge(), Dials(k=2, t=2), teller=Teller(lines.hear))
    text = "\n".join(said)
    assert "plan 1: rank" in text
    assert "1 of 2 samples passed; sample 2: WA" in text
    assert "    @@ " in text
    assert "unreadable (" in text
