"""Verdicts on the published programs: judged once each, kept in a folder.

A question is what a verdict depends on: program, language, tests, rule, limits, the judge's
version. Its verdict is on disk before the next is asked for, so that a sitting may be stopped and
goes on. A fault of the judge (IE) is not kept: it is owed again.

Knows: questions, verdicts.jsonl and selftest.json of the folder, the judge's examination.
Does not know: which programs there are, what was published.
"""

import hashlib
import json
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from mapcoder_lite.examination import Examination, examination_of, trusted_examination
from mapcoder_lite.jsonl import JsonLines, hold, write_record
from mapcoder_lite.judge.judge import SandboxJudge
from mapcoder_lite.judge.pool import num_cores
from mapcoder_lite.judge.selftest import present_languages, refuse_untrusted, run_selftest
from mapcoder_lite.problem import Checker, Io, Language, Limits, Record, Test
from mapcoder_lite.verdict import JUDGE_VERSION, Judgement, Verdict

SAID_EVERY = 50


@dataclass(frozen=True)
class Question:
    """One program, and what it is judged by; judging ends at the first failure."""

    program: str
    language: Language
    tests: tuple[Test, ...]
    checker: Checker
    limits: Limits
    io: Io

    @cached_property
    def key(self) -> str:
        """Hex SHA-256 of all that the verdict depends on."""
        parts = (
            JUDGE_VERSION,
            self.program,
            self.language,
            [[test.input, *test.outputs] for test in self.tests],
            self.checker.model_dump(mode="json"),
            self.limits.model_dump(mode="json"),
            self.io.model_dump(mode="json"),
        )
        return hashlib.sha256(json.dumps(parts).encode("utf-8", "surrogatepass")).hexdigest()


class Judged(Record):
    """A line of verdicts.jsonl."""

    schema_version: Literal[1] = 1
    key: str
    judgement: Judgement


class Verdicts:
    """The verdicts of a folder, to which every answer is added; one process a folder."""

    def __init__(
        self, folder: Path, languages: Sequence[Language], num_workers: int | None = None
    ) -> None:
        """Read what is known; the judge starts, examined on the languages, when first needed.

        Raises:
            StoreError: a line is damaged, or another process writes the folder.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._languages = languages
        self._num_workers = num_workers
        self._judge: SandboxJudge | None = None
        self._open = ExitStack()
        self._open.enter_context(hold(folder))
        self._file = JsonLines(folder / "verdicts.jsonl", Judged)
        self._open.callback(self._file.close)
        self._known = {one.key: one.judgement for one in self._file.read()}

    def on(self, questions: Sequence[Question], what: str) -> list[Judgement]:
        """Return the verdict on each question, judging those that have none yet.

        Raises:
            InputError: tests cannot be judged.
            SandboxError: programs cannot be judged here, or the judge failed its self-test.
        """
        found = dict(self._known)
        owed = {one.key: one for one in questions if one.key not in found}
        if owed:
            judge = self._examined()
            with ThreadPoolExecutor(2 * (self._num_workers or num_cores())) as threads:
                asked = [threads.submit(self._ask, judge, one) for one in owed.values()]
                try:
                    for number, answer in enumerate(as_completed(asked), start=1):
                        key, judgement = answer.result()
                        found[key] = judgement
                        if number % SAID_EVERY == 0 or number == len(owed):
                            print(f"{what}: {number} of {len(owed)}", file=sys.stderr, flush=True)
                except BaseException:
                    judge.cancel()
                    threads.shutdown(cancel_futures=True)
                    raise
        return [found[one.key] for one in questions]

    def examination(self) -> Examination:
        """Return how the judge did that gave these verdicts.

        Raises:
            SandboxError: it failed its self-test, or there was none.
        """
        return trusted_examination(self._folder)

    def _ask(self, judge: SandboxJudge, asked: Question) -> tuple[str, Judgement]:
        judgement = judge.judge(
            asked.program,
            asked.language,
            asked.tests,
            limits=asked.limits,
            checker=asked.checker,
            io=asked.io,
            stop_early=True,
        )
        if judgement.verdict is not Verdict.IE:
            self._known[asked.key] = judgement
            self._file.append(Judged(key=asked.key, judgement=judgement))
        return asked.key, judgement

    def _examined(self) -> SandboxJudge:
        """Open the judge, let it pass its self-test, and keep the record of that."""
        if self._judge is not None:
            return self._judge
        judge = self._open.enter_context(SandboxJudge(self._num_workers))
        here = [language for language in self._languages if language in present_languages()]
        report = run_selftest(judge, here, num_threads=self._num_workers or num_cores())
        wrong = [row.text for row in report.wrong_rows]
        examination = examination_of(judge.isolation, here, len(report.rows), wrong)
        write_record(self._folder / "selftest.json", examination)
        refuse_untrusted(report)
        self._judge = judge
        return judge

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open.close()
