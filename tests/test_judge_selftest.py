"""The self-test passes a sound judge and finds broken ones, each broken in its own way."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from mapcoder_lite.errors import SandboxError
from mapcoder_lite.judge.judge import SandboxJudge
from mapcoder_lite.judge.known import BEHAVIOURS, KNOWN, PROGRAMS, known_programs
from mapcoder_lite.judge.languages import TOOLCHAINS, missing_tools
from mapcoder_lite.judge.selftest import (
    SelftestReport,
    present_languages,
    refuse_untrusted,
    run_selftest,
)
from mapcoder_lite.problem import Language, Test
from mapcoder_lite.verdict import Judgement, Verdict

QUICK = (Language.C,)
OTHERS = [language for language in Language if language is not Language.PYTHON]


Change = Callable[[Judgement], Judgement]


def sound(judgement: Judgement) -> Judgement:
    return judgement


@pytest.fixture(scope="module")
def judge() -> Iterator[SandboxJudge]:
    try:
        made = SandboxJudge(2)
    except SandboxError as error:
        pytest.skip(str(error))
    with made:
        yield made


class Remembering:
    """A judge that answers a program it knows as it did before, and may change its word."""

    def __init__(self, judge: "SandboxJudge | Remembering", change: Change = sound):
        self._judge, self._change = judge, change
        self._known: dict[str, Judgement] = {}
        self.isolation = judge.isolation

    def judge(self, program: str, *rest: object, **how: object) -> Judgement:
        if program not in self._known:
            self._known[program] = self._judge.judge(program, *rest, **how)  # type: ignore[arg-type]
        return self._change(self._known[program])

    def close(self) -> None:
        self._judge.close()


@pytest.fixture(scope="module")
def remembering(judge: SandboxJudge) -> Remembering:
    return Remembering(judge)


def accept(judgement: Judgement) -> Judgement:
    return judgement.model_copy(update={"verdict": Verdict.AC, "num_passed": judgement.num_total})


def accept_wrong_answers(judgement: Judgement) -> Judgement:
    return accept(judgement) if judgement.verdict is Verdict.WA else judgement


def refuse(judgement: Judgement) -> Judgement:
    return judgement.model_copy(update={"verdict": Verdict.WA})


def call_timeouts_crashes(judgement: Judgement) -> Judgement:
    is_late = judgement.verdict is Verdict.TLE
    return judgement.model_copy(update={"verdict": Verdict.RE}) if is_late else judgement


def test_a_sound_judge_is_trusted(remembering: Remembering) -> None:
    report = run_selftest(remembering)
    assert report.is_trusted, report.wrong_rows
    assert [row.name for row in report.rows] == [known.name for known in KNOWN]
    assert {row.expected for row in report.rows} >= set(Verdict) - {Verdict.IE, Verdict.SK}
    refuse_untrusted(report)


@pytest.mark.parametrize(
    ("change", "missed"),
    [
        (accept, {"wrong sum", "nan", "loop", "memory", "fork", "reading", "syntax"}),
        (accept_wrong_answers, {"wrong sum", "no output", "nan", "success without output"}),
        (refuse, {"gold", "gold, exit()", "loop", "ptrace"}),
        (call_timeouts_crashes, {"loop"}),
    ],
)
def test_a_broken_judge_is_found(
    remembering: Remembering, change: Change, missed: set[str]
) -> None:
    report = run_selftest(Remembering(remembering, change))
    assert not report.is_trusted
    assert {row.name for row in report.wrong_rows} >= missed
    with pytest.raises(SandboxError, match="no accuracy comes from it") as refusal:
        refuse_untrusted(report)
    assert report.wrong_rows[0].text in str(refusal.value)


def test_a_judge_that_cannot_judge_is_ie_and_not_trusted(judge: SandboxJudge) -> None:
    with SandboxJudge(1) as closed:
        pass
    report = run_selftest(closed)
    assert {row.got for row in report.rows} == {Verdict.IE}
    assert "closed" in report.rows[0].reason
    assert not report.is_trusted


def test_a_language_that_is_missing_is_not_trusted_and_says_what_brings_it() -> None:
    go = replace(TOOLCHAINS[Language.GO], tools=("go-that-is-not-here",))
    with SandboxJudge(1, toolchains={**TOOLCHAINS, Language.GO: go}) as judge:
        report = run_selftest(judge, (Language.GO,))
    assert {row.got for row in report.rows} == {Verdict.IE}
    assert "go-that-is-not-here" in report.rows[0].text
    assert "golang-go" in report.rows[0].text


def test_nothing_examined_is_not_trusted() -> None:
    assert not SelftestReport(()).is_trusted
    with pytest.raises(SandboxError, match="no program was judged"):
        refuse_untrusted(SelftestReport(()))


class Scripted:
    """A judge that says the verdicts it was given on the tests of a compiled language."""

    def __init__(self, judge: SandboxJudge, whole: Verdict, verdicts: list[Verdict]):
        self.isolation = judge.isolation
        self._whole, self._verdicts = whole, verdicts

    def judge(
        self, program: str, language: Language, tests: tuple[Test, ...], **how: object
    ) -> Judgement:
        is_broken = program.endswith("}{\n")
        whole = Verdict.CE if is_broken else self._whole
        results = [] if is_broken else [{"verdict": verdict} for verdict in self._verdicts]
        judgement = {
            "verdict": whole,
            "num_run": len(results),
            "num_total": len(tests),
            "num_passed": 0,
            "results": results,
            "isolation": self.isolation,
        }
        return Judgement.model_validate(judgement)

    def close(self) -> None:
        pass


RIGHT = [verdict for _, verdict in BEHAVIOURS]


@pytest.mark.parametrize(
    ("whole", "verdicts", "num_wrong"),
    [
        (Verdict.WA, RIGHT, 0),
        (Verdict.AC, RIGHT, 1),
        (Verdict.WA, [*RIGHT[:5], Verdict.AC, *RIGHT[6:]], 1),  # it could read /etc/passwd
        (Verdict.WA, [Verdict.RE if v is Verdict.MLE else v for v in RIGHT], 1),
        (Verdict.IE, [], 8),
        (Verdict.CE, [], 8),
    ],
)
def test_every_test_of_a_compiled_program_counts(
    judge: SandboxJudge, whole: Verdict, verdicts: list[Verdict], num_wrong: int
) -> None:
    report = run_selftest(Scripted(judge, whole, verdicts), (Language.GO,))
    assert len(report.rows) == 1 + len(BEHAVIOURS) + 1
    assert len(report.wrong_rows) == num_wrong


def test_every_language_of_the_table_has_its_programs() -> None:
    for language in OTHERS:
        as_asked, broken = known_programs(language)
        assert as_asked.program == (PROGRAMS / TOOLCHAINS[language].source).read_text()
        assert len(as_asked.tests) == len(as_asked.verdicts) == len(BEHAVIOURS)
        assert (broken.verdict, broken.program) == (Verdict.CE, as_asked.program + "\n}{\n")
    assert {path.name for path in PROGRAMS.iterdir()} == {
        TOOLCHAINS[language].source for language in OTHERS
    }


def test_python_is_always_present() -> None:
    assert present_languages()[0] is Language.PYTHON


@pytest.mark.parametrize(
    "language",
    [
        pytest.param(language, marks=() if language in QUICK else pytest.mark.slow)
        for language in OTHERS
    ],
)
def test_the_judge_is_trusted_in_a_language_that_is_here(
    judge: SandboxJudge, language: Language
) -> None:
    if missing := missing_tools(TOOLCHAINS[language]):
        pytest.skip(f"{language.value}: {', '.join(missing)} is not here")
    report = run_selftest(judge, (language,))
    assert report.is_trusted, [row.text for row in report.wrong_rows]
