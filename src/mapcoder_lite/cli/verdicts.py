"""Verdicts as text and JSON: a program in detail, a line for each of many, what they sum up to.

Knows: columns, which number of a judgement is shown.
Does not know: how programs are judged, streams.
"""

from collections import Counter
from json import dumps

from mapcoder_lite.cli.programs import Entry
from mapcoder_lite.verdict import FirstFailure, Judgement, TestResult, Verdict

REASON_CHARACTERS = 100


def details(judgement: Judgement) -> str:
    """Return a line for each test, the first failure, and the verdict on the whole."""
    lines = [_test(number, run) for number, run in enumerate(judgement.results, start=1)]
    if not judgement.compilation.is_ok:
        lines.append(judgement.compilation.log.rstrip())
    if judgement.first_failure is not None:
        lines.append(_failure(judgement.first_failure))
    lines.append(
        f"{judgement.verdict.value}  {judgement.num_passed} of {judgement.num_total} tests passed"
        f"  (isolation {judgement.isolation.tier}, checker {judgement.checker}, "
        f"speed factor {judgement.speed_factor:g})"
    )
    return "\n".join(lines)


def head(width: int) -> str:
    """Return the heads of the columns, names being so wide."""
    return (
        f"{'program':{width}}  {'language':10}  {'':3}  {'passed':>9}  {'CPU ms':>7}  "
        f"{'MiB':>6}  first failure"
    )


def row(entry: Entry, judgement: Judgement, width: int) -> str:
    """Return a program's line of the table; time and memory are of its most demanding test."""
    cpu_ms = max((run.cpu_ms for run in judgement.results), default=0.0)
    mebibytes = max((run.rss_kb for run in judgement.results), default=0) / 1024
    passed = f"{judgement.num_passed}/{judgement.num_total}"
    return (
        f"{plain(entry.id):{width}}  {entry.language.value:10}  {judgement.verdict.value:3}  "
        f"{passed:>9}  {cpu_ms:7.0f}  {mebibytes:6.1f}  {_why(judgement)}"
    ).rstrip()


def plain(text: str) -> str:
    """Write what is not printable, as a newline in a name, the way Python would."""
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode("ascii")
        for letter in text
    )


def json_line(entry: Entry, judgement: Judgement, width: int) -> str:
    """Return a program's judgement as one line of JSON; it has no columns."""
    del width
    return dumps(
        {
            "id": entry.id,
            "language": entry.language.value,
            "problem_id": entry.problem.id,
            "judgement": judgement.model_dump(mode="json"),
        }
    )


def summary(verdicts: Counter[Verdict]) -> str:
    """Return how many programs got which verdict; faults of the judge stand apart."""
    judged = Counter({verdict: n for verdict, n in verdicts.items() if verdict is not Verdict.IE})
    counts = ", ".join(
        f"{verdict.value} {judged[verdict]}" for verdict in Verdict if judged[verdict]
    )
    text = f"{verdicts.total()} programs: {counts or 'none judged'}"
    if verdicts[Verdict.IE]:
        text += f"; not judged through the judge's fault: IE {verdicts[Verdict.IE]}"
    return text


def _test(number: int, run: TestResult) -> str:
    mebibytes = run.rss_kb / 1024
    return f"test {number:3d}  {run.verdict.value:3}  {run.cpu_ms:7.0f} ms  {mebibytes:6.1f} MiB"


def _failure(failure: FirstFailure) -> str:
    return f"test {failure.index + 1}: {failure.verdict.value} {failure.reason}".rstrip()


def _why(judgement: Judgement) -> str:
    """Return the first failure in one line, cut where it is too long."""
    failure = judgement.first_failure
    if judgement.verdict is Verdict.CE or (failure is None and judgement.compilation.log):
        text = judgement.compilation.log
    elif failure is None:
        text = ""
    elif judgement.num_run:
        text = f"test {failure.index + 1}: {failure.reason}"
    else:
        text = failure.reason
    line = plain(" ".join(text.split()))
    return line if len(line) <= REASON_CHARACTERS else line[: REASON_CHARACTERS - 1] + "…"
