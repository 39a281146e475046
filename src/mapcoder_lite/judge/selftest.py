"""Judge the programs whose verdicts are known, before any accuracy is believed.

Knows: which verdicts were right, what makes a judge trusted.
Does not know: the programs, how they are run.
"""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from mapcoder_lite.errors import SandboxError
from mapcoder_lite.judge.known import Known, known_programs
from mapcoder_lite.judge.languages import TOOLCHAINS, missing_tools
from mapcoder_lite.problem import Checker, Language
from mapcoder_lite.verdict import Judge, Judgement, Verdict


@dataclass(frozen=True, slots=True)
class SelftestRow:
    """What a known program got, on all its tests or on one."""

    language: Language
    name: str
    expected: Verdict
    got: Verdict
    reason: str = ""
    """Why the judge could not judge, where it could not."""

    @property
    def is_right(self) -> bool:
        """Whether the judge said what it must."""
        return self.got is self.expected

    @property
    def text(self) -> str:
        """The row in one line, as `python wrong sum: AC, expected WA`."""
        line = (
            f"{self.language.value} {self.name}: {self.got.value}, expected {self.expected.value}"
        )
        return f"{line} ({self.reason})" if self.reason else line


@dataclass(frozen=True, slots=True)
class SelftestReport:
    """The judge examined."""

    rows: tuple[SelftestRow, ...]

    @property
    def is_trusted(self) -> bool:
        """Whether every verdict was right, and there was one."""
        return bool(self.rows) and not self.wrong_rows

    @property
    def wrong_rows(self) -> tuple[SelftestRow, ...]:
        """The rows that were not right."""
        return tuple(row for row in self.rows if not row.is_right)

    def of(self, language: Language) -> "SelftestReport":
        """Return the part of one language."""
        return SelftestReport(tuple(row for row in self.rows if row.language is language))


def present_languages() -> tuple[Language, ...]:
    """Return the languages whose toolchains are on this machine."""
    return tuple(language for language, row in TOOLCHAINS.items() if not missing_tools(row))


def run_selftest(
    judge: Judge, languages: Sequence[Language] = (Language.PYTHON,), *, num_threads: int = 1
) -> SelftestReport:
    """Judge every known program of the languages; a judge that cannot judge gets IE.

    With one thread the programs follow each other in the order of the table.
    """
    programs = [known for language in languages for known in known_programs(language)]
    with ThreadPoolExecutor(num_threads, thread_name_prefix="selftest") as threads:
        found = threads.map(partial(_examined, judge), programs)
        return SelftestReport(tuple(row for rows in found for row in rows))


def refuse_untrusted(report: SelftestReport) -> None:
    """Let no accuracy come from a judge that failed its self-test.

    Raises:
        SandboxError: it did; names what was wrong.
    """
    if report.is_trusted:
        return
    wrong = "; ".join(row.text for row in report.wrong_rows) or "no program was judged"
    raise SandboxError(
        f"the judge failed its self-test, so no accuracy comes from it: {wrong}; "
        "`mapcoder doctor` says more"
    )


def _examined(judge: Judge, known: Known) -> tuple[SelftestRow, ...]:
    return tuple(_rows(judge, known))


def _rows(judge: Judge, known: Known) -> Iterator[SelftestRow]:
    """Compare the verdict on the whole, then on each test where that is known."""
    try:
        judgement = _judgement(judge, known)
    except SandboxError as error:
        yield SelftestRow(known.language, known.name, known.verdict, Verdict.IE, str(error))
        return
    reason = _reason(judgement)
    yield SelftestRow(known.language, known.name, known.verdict, judgement.verdict, reason)
    for test, expected, got in zip(
        known.tests, known.verdicts, _verdicts(judgement, known.verdicts), strict=False
    ):
        name = f"{known.name}: {test.input.split()[0]}"
        yield SelftestRow(known.language, name, expected, got)


def _judgement(judge: Judge, known: Known) -> Judgement:
    return judge.judge(
        known.program,
        known.language,
        known.tests,
        limits=known.limits,
        checker=Checker(),
        io=known.io,
        stop_early=not known.verdicts,
    )


def _verdicts(judgement: Judgement, expected: Iterable[Verdict]) -> list[Verdict]:
    """Return the verdict on each test; the one on the whole where tests were not run."""
    run = [result.verdict for result in judgement.results]
    missing = len(list(expected)) - len(run)
    return run + [judgement.verdict] * missing


def _reason(judgement: Judgement) -> str:
    if judgement.verdict is not Verdict.IE:
        return ""
    failure = judgement.first_failure
    return (failure.reason if failure else "") or judgement.compilation.log
