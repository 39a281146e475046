"""The bench on which supervisors are measured: labelled failures of a run, and their corrections.

Every stage is a run directory of its own (truth, resampling, one a supervisor), resumed alike and
with its completions stored before use. A stage is not begun before the one it rests on is complete.

Knows: the stages and their directories, who is asked in each.
Does not know: settings, how engines are opened, how the table is counted or shown.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mapcoder_lite import pipeline, runner
from mapcoder_lite.attribution import Attribution, Lattice
from mapcoder_lite.curation import counterfactual, injection
from mapcoder_lite.curation.accuracy import Answers, ReplayTally
from mapcoder_lite.curation.baselines import always_coder, at_random, majority
from mapcoder_lite.curation.injection import Faults, InjectionTally
from mapcoder_lite.curation.intact import open_intact
from mapcoder_lite.curation.label import Label
from mapcoder_lite.curation.repair import corrected
from mapcoder_lite.curation.rerun import Renumbered
from mapcoder_lite.curation.supervisor import Supervisor
from mapcoder_lite.engine.replay import StoredEngine
from mapcoder_lite.errors import InputError
from mapcoder_lite.example import Blame, Correction
from mapcoder_lite.jsonl import read_lines, read_record, write_lines
from mapcoder_lite.judge.selftest import SelftestReport, refuse_untrusted, run_selftest
from mapcoder_lite.problem import HiddenTests, Language, Problem
from mapcoder_lite.runner import Progress, SolveUnit, Threads, Worker
from mapcoder_lite.store import RunDirectory, RunHeader, Unit
from mapcoder_lite.trajectory import Call, Engine, FormatFailure, Grade, Trajectory
from mapcoder_lite.traversals.attempt import Dials
from mapcoder_lite.verdict import Judge, Verdict
from mapcoder_lite.work import Work, samples_of

RESAMPLING_OFFSET = 500_000_000
"""Added to a failure's sample number when its whole attempt is drawn again."""


class Unfinished(Exception):
    """A stage has units that are owed, for the house failed on them; the command goes on there."""


Stored = Callable[[Engine], Engine]
"""Wraps an engine so that its completions are kept in the stage's directory."""


@dataclass(frozen=True, slots=True)
class Graded:
    """A complete, graded run and the files it was made from."""

    path: Path
    header: RunHeader
    problems: Mapping[str, Problem]
    hidden: Mapping[str, HiddenTests]
    passing: Mapping[Unit, Trajectory]
    failed: Mapping[Unit, Trajectory]
    """Judged wrong, or without a program; where the judge itself failed, neither."""


@dataclass(frozen=True, slots=True)
class Bench:
    """What all stages share."""

    run: Graded
    folder: Path
    student: Engine
    judge: Judge
    dials: Dials
    examined: SelftestReport
    """The judge's self-test of this sitting; every stage records it."""
    num_threads: int = 4
    max_errors: int = 20
    on_unit: Callable[[str, Progress], None] = field(default=lambda _stage, _progress: None)

    def by_injection(
        self, faults: Faults, source: str, num_faults: int, num_replays: int
    ) -> tuple[list[Label], InjectionTally]:
        """Put faults into the passing attempts and label what fails by them.

        Raises:
            InputError: no attempt passed, or there is no fault to put in.
            Unfinished: units are owed.
        """
        passing = self.run.passing
        units = injection.injection_units(passing.values(), faults, num_faults)
        if not units:
            raise InputError(
                f"{self.run.path}: {len(passing)} attempts passed and no faulty reply fits any of "
                "them (donors are replies of failed attempts at the same problem): run more "
                "samples, or take --faults scripted (pocket) or --truth replay"
            )

        def solver(stored: Stored) -> SolveUnit:
            student = stored(self.student)

            def solve(problem: Problem, sample: int) -> Trajectory:
                return injection.injected(
                    problem, sample, passing, faults, student, self.judge, self.dials
                )

            return solve

        def replays(units: Sequence[Unit], grades: Sequence[Grade]) -> Sequence[Unit]:
            return injection.replay_units(units, grades, num_replays)

        who = f"injection into {self._student}; faults {source}; {num_faults} a call; "
        stage = Stage("truth", f"{who}{num_replays} replays", tuple(units), replays)
        with self.carried_out(stage, solver) as directory:
            trajectories = list(directory.trajectories.read())
            grades = list(directory.grades.read())
        labels = injection.labels(trajectories, grades, passing, num_replays)
        done = [Unit(grade.problem_id, grade.sample) for grade in grades]
        return labels, injection.tally(done, grades, passing, labels)

    def by_replay(
        self, teacher: Engine, lattice: Lattice, num_replays: int
    ) -> tuple[list[Label], list[Attribution], ReplayTally]:
        """Make the failed attempts again, some roles the teacher's, and label whom that mends.

        Raises:
            InputError: no attempt failed.
            Unfinished: units are owed.
        """
        if not self.run.failed:
            raise InputError(f"{self.run.path}: no attempt failed, so nothing can be replayed")

        def solver(stored: Stored) -> SolveUnit:
            student, wise = stored(self.student), stored(teacher)

            def solve(problem: Problem, sample: int) -> Trajectory:
                return counterfactual.replayed(
                    problem, sample, student, wise, self.judge, self.dials
                )

            return solve

        units = counterfactual.replay_units(self.run.failed, lattice, num_replays)
        who = f"replay of {self._student} by {teacher.identity}; {lattice} lattice; "
        stage = Stage("truth", f"{who}{num_replays} replays", tuple(units))
        with self.carried_out(stage, solver) as directory:
            found = counterfactual.attributions(directory.grades.read(), lattice)
        labels = [label for a in found if (label := counterfactual.label(a)) is not None]
        return labels, found, replay_tally(found, lattice, num_replays, len(labels))

    def failures(self, labels: Iterable[Label]) -> dict[Unit, Trajectory]:
        """Return the failed attempts that are labelled."""
        wanted = {label.unit for label in labels}
        known = dict(self.run.failed)
        for trajectory in read_lines(self.folder / "truth" / "trajectories.jsonl", Trajectory):
            known[_unit(trajectory)] = trajectory
        return {unit: known[unit] for unit in wanted}

    def resampled(self, failures: Mapping[Unit, Trajectory]) -> dict[Unit, bool]:
        """Draw every failed attempt again as a whole, unguided; return which pass.

        Raises:
            Unfinished: units are owed.
        """

        def solver(stored: Stored) -> SolveUnit:
            again = Renumbered(stored(self.student), RESAMPLING_OFFSET)

            def solve(problem: Problem, sample: int) -> Trajectory:
                return pipeline.solve(problem, again, self.judge, self.dials, sample=sample)

            return solve

        stage = Stage("resampling", f"drawn again by {self._student}", tuple(failures))
        with self.carried_out(stage, solver) as directory:
            return _passed(directory.grades.read())

    def corrections(
        self,
        name: str,
        identity: str,
        supervisor: Callable[[Stored], Supervisor],
        failures: Mapping[Unit, Trajectory],
    ) -> dict[Unit, Correction]:
        """Let one supervisor correct every failure once; return what it said and brought.

        `name` is its folder's, `identity` what a resume must bring again. A failure whose
        correction the judge failed on is left out.

        Raises:
            Unfinished: units are owed.
        """

        def solver(stored: Stored) -> SolveUnit:
            live, who = stored(self.student), supervisor(stored)

            def solve(problem: Problem, sample: int) -> Trajectory:
                failed = failures[Unit(problem.id, sample)]
                blame = who.blame(problem, failed, 1)
                if isinstance(blame, FormatFailure):
                    return failed
                return corrected(problem, failed, [blame], live, self.judge, self.dials)

            return solve

        stage = Stage(name, f"{identity} corrects {self._student}", tuple(failures))
        with self.carried_out(stage, solver) as directory:
            passed = _passed(directory.grades.read())
            # Answered out of the directory: every reply was stored before it was used.
            who = supervisor(lambda engine: StoredEngine(engine, directory.calls))
            found = {
                _unit(t): self._correction(who, failures[_unit(t)], t, passed[_unit(t)])
                for t in directory.trajectories.read()
                if _unit(t) in passed
            }
        write_lines(self.folder / name / "corrections.jsonl", found.values())
        return found

    def by_rules(
        self, labels: Sequence[Label], failures: Mapping[Unit, Trajectory]
    ) -> list[Answers]:
        """Let every rule that reads nothing correct every failure once.

        Raises:
            Unfinished: units are owed.
        """
        answers: list[Answers] = []
        for rule in (always_coder(), majority(labels), at_random()):

            def supervisor(stored: Stored, rule: Supervisor = rule) -> Supervisor:
                return rule

            said = self.corrections(rule.name.replace(" ", "-"), rule.name, supervisor, failures)
            answers.append(Answers(rule.name, True, said))
        return answers

    @property
    def _student(self) -> str:
        return self.student.identity

    def _correction(
        self, who: Supervisor, failed: Trajectory, corrected: Trajectory, is_passed: bool
    ) -> Correction:
        said = who.blame(self.run.problems[failed.problem_id], failed, 1)
        blame = said if isinstance(said, Blame) else None
        return Correction(
            problem_id=failed.problem_id,
            sample=failed.sample,
            round=1,
            supervisor=who.name,
            blame=blame,
            failure=said if isinstance(said, FormatFailure) else None,
            is_changed=blame is not None and _is_changed(failed, corrected, blame.call_index),
            is_passed=is_passed,
        )

    def carried_out(self, stage: "Stage", solver: Callable[[Stored], SolveUnit]) -> RunDirectory:
        """Do all that a stage owes and return its directory, still open.

        Raises:
            Unfinished: units are owed.
            StoreError: the directory belongs to another command.
            SandboxError: the judge failed its self-test; recorded all the same.
        """
        ids = dict.fromkeys(unit.problem_id for unit in stage.units)
        problems = tuple(self.run.problems[id] for id in ids)
        work = Work(problems, {id: self.run.hidden[id] for id in ids}, stage.units)
        directory = RunDirectory(self.folder / stage.name, self._header(stage, work), work.facts())
        try:
            if not (directory.is_finished and directory.is_judge_trusted):
                self._record_examination(directory)
            solve = solver(lambda engine: StoredEngine(engine, directory.calls))
            outcome = runner.run(
                work,
                Threads(Worker(work, solve, self.judge), self.num_threads),
                directory,
                isolation=self.judge.isolation,
                max_errors=self.max_errors,
                on_unit=lambda progress: self.on_unit(stage.name, progress),
                follow_up=stage.follow_up,
            )
            if not outcome.is_complete:
                raise Unfinished(
                    f"{outcome.num_units - outcome.num_done} of {outcome.num_units} units of "
                    f"{directory.path} are owed, {outcome.num_errors} failed in this sitting"
                )
        except BaseException:
            directory.close()
            raise
        return directory

    def _record_examination(self, directory: RunDirectory) -> None:
        languages = tuple(dict.fromkeys(row.language for row in self.examined.rows))
        wrong = [row.text for row in self.examined.wrong_rows]
        directory.examined(self.judge.isolation, languages, len(self.examined.rows), wrong)
        refuse_untrusted(self.examined)

    def _header(self, stage: "Stage", work: Work) -> RunHeader:
        return self.run.header.model_copy(
            update={"engine_identity": stage.identity, "problems_digest": work.digest}
        )


@dataclass(frozen=True, slots=True)
class Stage:
    """One run directory of the bench."""

    name: str
    identity: str
    """Who answers what; a resume must bring the same."""
    units: tuple[Unit, ...]
    follow_up: Callable[[Sequence[Unit], Sequence[Grade]], Sequence[Unit]] | None = None


def self_tested(judge: Judge, language: Language) -> SelftestReport:
    """Examine a judge; no accuracy comes from one that fails, and each stage says so."""
    return run_selftest(judge, tuple(dict.fromkeys((Language.PYTHON, language))))


def graded_run(
    path: Path, problems: Sequence[Problem], hidden: Mapping[str, HiddenTests] | None
) -> Graded:
    """Read a run and make sure that it is complete, was judged soundly, and of these problems.

    Raises:
        InputError: it is not complete, has no hidden tests, or its problems have changed since.
        SandboxError: its judge failed the self-test, or was never examined.
        StoreError: it is no run directory, or a line is damaged.
    """
    header = read_record(path / "config.json", RunHeader)
    if hidden is None or header.config.run.hidden_tests is None:
        raise InputError(
            f"{path} has no hidden tests: who is responsible for a failure is told by them alone; "
            "run it with run.hidden_tests set"
        )
    grades = open_intact(path).grades
    if samples_of(problems, hidden).digest != header.problems_digest:
        raise InputError(
            f"the problems or hidden tests of {path} have changed since it was run: give those it "
            "was run with (-s run.problems=FILE -s run.hidden_tests=FILE)"
        )
    words = _passed(grades)
    passing: dict[Unit, Trajectory] = {}
    failed: dict[Unit, Trajectory] = {}
    for trajectory in read_lines(path / "trajectories.jsonl", Trajectory):
        unit = _unit(trajectory)
        if unit in words:
            (passing if words[unit] else failed)[unit] = trajectory
    return Graded(path, header, {p.id: p for p in problems}, hidden, passing, failed)


def replay_tally(
    found: Sequence[Attribution], lattice: Lattice, num_replays: int, num_labelled: int
) -> ReplayTally:
    """Count what failures were put down to."""
    unlabelled = [a for a in found if not any(len(roles) == 1 for roles in a.repair_sets)]
    together = sum(bool(a.repair_sets) for a in unlabelled)
    by_luck = sum(not a.repair_sets and a.resampled >= 0.5 for a in unlabelled)
    return ReplayTally(
        lattice=lattice,
        num_replays=num_replays,
        num_failures=len(found),
        num_labelled=num_labelled,
        num_by_luck=by_luck,
        num_only_together=together,
        num_unmended=len(unlabelled) - together - by_luck,
        resampled=sum(a.resampled for a in found) / len(found) if found else 0.0,
    )


def _passed(grades: Iterable[Grade]) -> dict[Unit, bool]:
    """Units with whether they passed, without those that the judge failed on."""
    return {
        Unit(grade.problem_id, grade.sample): grade.is_passed
        for grade in grades
        if grade.judgement is None or grade.judgement.verdict is not Verdict.IE
    }


def _is_changed(failed: Trajectory, corrected: Trajectory, position: int) -> bool:
    """Whether the blamed call was answered otherwise; all before it is the same in both."""
    before = failed.steps[position]
    after = corrected.steps[position] if position < len(corrected.steps) else None
    return not (
        isinstance(before, Call)
        and isinstance(after, Call)
        and before.completion.text == after.completion.text
    )


def _unit(trajectory: Trajectory) -> Unit:
    return Unit(trajectory.problem_id, trajectory.sample)
