"""Labelled failures in the form of Who&When (2505.00212): one JSON file a failure.

Keys are those of its published files: question, question_ID, ground_truth, history (content, role
and name a turn), mistake_agent, mistake_step (the index into history, written as text),
mistake_reason, is_correct. Texts of models stay texts: JSON quotes them, nothing reads them.

Knows: the form, how steps become turns.
Does not know: how labels were found.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from mapcoder_lite.agents import prompt
from mapcoder_lite.curation.label import Label, Truth
from mapcoder_lite.jsonl import write_text
from mapcoder_lite.problem import Problem
from mapcoder_lite.store import Unit
from mapcoder_lite.trajectory import Call, Step, Trajectory

JUDGE = "judge"
"""Name of the one who speaks after a program was tried."""

_REASONS = {
    Truth.INJECTION: "a faulty reply was put here into an attempt that passes without it",
    Truth.REPLAY: "replays pass the hidden tests when a teacher answers for this role",
}


def case(problem: Problem, trajectory: Trajectory, label: Label, solution: str = "") -> str | None:
    """Return the JSON of one labelled failure; `solution` is a program that passes, if known.

    None when only the role is known, as from replays: a step would be made up.
    """
    step = label.call_index
    if step is None:
        return None
    return json.dumps(
        {
            "is_correct": False,
            "question": prompt.problem_text(problem, show_tests=True),
            "question_ID": f"{problem.id}/{trajectory.sample}",
            "ground_truth": solution,
            "history": [_turn(problem, s) for s in trajectory.steps],
            "mistake_agent": label.role.value,
            "mistake_step": str(step),
            "mistake_reason": _REASONS[label.truth],
        },
        ensure_ascii=False,
        indent=1,
    )


def write_labelled(
    folder: Path,
    labels: Sequence[Label],
    problems: Mapping[str, Problem],
    failures: Mapping[Unit, Trajectory],
    passing: Iterable[Trajectory],
) -> int:
    """Write the cases of labelled failures, with a passing program where there is one."""
    solutions = {t.problem_id: t.program or "" for t in passing}
    cases = [
        case(
            problems[label.problem_id],
            failures[label.unit],
            label,
            solutions.get(label.problem_id, ""),
        )
        for label in labels
    ]
    return write_cases(folder, [text for text in cases if text is not None])


def write_cases(folder: Path, cases: Iterable[str]) -> int:
    """Write 1.json, 2.json and so on, in place of older ones; return how many."""
    folder.mkdir(parents=True, exist_ok=True)
    num_written = 0
    for num_written, text in enumerate(cases, 1):
        write_text(folder / f"{num_written}.json", text + "\n")
    for old in folder.glob("*.json"):
        if old.stem.isdecimal() and int(old.stem) > num_written:
            old.unlink()
    return num_written


def _turn(problem: Problem, step: Step) -> dict[str, str]:
    if isinstance(step, Call):
        return {"content": step.completion.text, "role": "assistant", "name": step.role.value}
    entries = prompt.report(problem.public_tests, step.judgement)
    lines = [f"verdict on the public tests: {step.judgement.verdict}"]
    for number, e in enumerate(entries, 1):
        lines.append(
            f"test {number}: {e.verdict}"
            if not (e.input or e.got or e.stderr)
            else f"test {number}: {e.verdict}\ninput: {e.input}\nexpected: {e.expected}\n"
            f"got: {e.got}\nerror: {e.stderr}"
        )
    return {"content": "\n".join(lines), "role": "user", "name": JUDGE}
