"""Supervisors measured on real scripted runs whose truth the generator knows."""

from dataclasses import dataclass, replace
from random import Random

import pytest

from mapcoder_lite.attribution import Lattice
from mapcoder_lite.calls import StoredCall
from mapcoder_lite.curation import accuracy, baselines, injection
from mapcoder_lite.curation.accuracy import Answers, SupervisorTable
from mapcoder_lite.curation.accuracy_page import page
from mapcoder_lite.curation.bench import Bench, Unfinished, graded_run
from mapcoder_lite.curation.injection import Donors, Erring
from mapcoder_lite.curation.label import Label, Truth
from mapcoder_lite.curation.rerun import renumbered
from mapcoder_lite.errors import EngineError, InputError, SandboxError, StoreError
from mapcoder_lite.example import Blame
from mapcoder_lite.jsonl import read_lines
from mapcoder_lite.judge.judge import SandboxJudge
from mapcoder_lite.pocket.faults import always_wrong
from mapcoder_lite.pocket.teacher import MistakeRates, TeacherEngine
from mapcoder_lite.store import Unit
from mapcoder_lite.trajectory import Call, CallKind, FormatFailure, Grade, Role, Trajectory
from scripted_runs import bench_of, known_puzzles, run_of

NEVER = MistakeRates(0, 0, 0, 0, 0, 0, 0)
WEAK = MistakeRates(0.1, 0.05, 0.1, 0.2, 0.15, 0.3, 0.4)
"""Errs everywhere and mends little, so that faults are not healed downstream."""
BAD_PLANS = MistakeRates(0, 0, 1, 0, 0, 1, 0)
"""Every plan is wrong, every patch idle, all else right."""


@dataclass(frozen=True)
class Knowing:
    """A supervisor that knows the truth and errs at a set rate."""

    truth: dict[Unit, Label]
    rate: float
    name: str = "knowing"

    def blame(self, problem, trajectory, round):
        unit = Unit(trajectory.problem_id, trajectory.sample)
        label = self.truth[unit]
        draw = Random(f"{self.name}/{unit}")
        role = label.role
        if draw.random() < self.rate:
            others = [r for r in Role if r is not role]
            role = draw.choice([r for r in others if baselines.call_of(trajectory, r) is not None])
        place = label.call_index if role is label.role else baselines.call_of(trajectory, role)
        return Blame(call_index=place, role=role, reason="known", feedback="again")


class Counting:
    """Counts what a student is asked, and refuses after so many questions."""

    def __init__(self, inner, limit=None):
        self.inner, self.limit, self.num_asked = inner, limit, 0

    @property
    def identity(self):
        return self.inner.identity

    def complete(self, requests, watch=None):
        self.num_asked += len(requests)
        if self.limit is not None and self.num_asked > self.limit:
            raise EngineError("the server is gone")
        return self.inner.complete(requests, watch)

    def close(self):
        pass


@pytest.fixture(scope="module")
def judge():
    with SandboxJudge(2) as judge:
        yield judge


@pytest.fixture(scope="module")
def known():
    return known_puzzles(14)


@pytest.fixture(scope="module")
def student(known):
    return TeacherEngine(known, WEAK)


@pytest.fixture(scope="module")
def run(student, known, judge, tmp_path_factory):
    return run_of(student, known, judge, tmp_path_factory.mktemp("weak") / "run")


@pytest.fixture(scope="module")
def bench(run, student, judge, tmp_path_factory) -> Bench:
    return bench_of(run, student, judge, tmp_path_factory.mktemp("bench"))


@pytest.fixture(scope="module")
def labelled(bench, known):
    return bench.by_injection(Erring(always_wrong(known), 2), "scripted", 2, 1)


def answers_of(bench, supervisors, failures):
    found = []
    for supervisor in supervisors:
        name = supervisor.name.replace(" ", "-")
        is_rule = isinstance(supervisor, baselines.Baseline)
        said = bench.corrections(name, supervisor.name, lambda _, s=supervisor: s, failures)
        found.append(Answers(supervisor.name, is_rule, said))
    return found


@pytest.fixture(scope="module")
def table(bench, labelled) -> SupervisorTable:
    labels, tally = labelled
    failures = bench.failures(labels)
    truth = {label.unit: label for label in labels}
    supervisors = [
        Knowing(truth, 0.0, "oracle"),
        Knowing(truth, 0.2),
        baselines.always_coder(),
        baselines.majority(labels),
        baselines.at_random(),
    ]
    answers = answers_of(bench, supervisors, failures)
    again = bench.resampled(failures)
    return accuracy.table("run", Truth.INJECTION, labels, answers, again, injections=tally)


def test_every_label_is_the_fault_that_was_put_in(bench, run, known, labelled):
    labels, tally = labelled
    failures = bench.failures(labels)
    faulty = always_wrong(known)
    assert len({label.role for label in labels}) >= 3
    for label in labels:
        place = injection.injection_of(label.unit)
        before = run.passing[place.passed]
        original, wrong = before.steps[place.position], failures[label.unit].steps[label.call_index]
        assert isinstance(original, Call)
        assert isinstance(wrong, Call)
        assert (wrong.role, wrong.kind) == (label.role, original.kind)
        asked = renumbered(original.request, place.fault)
        assert wrong.completion.text == faulty.complete([asked])[0].text
        # All that was asked before stands as it stood in the attempt that passed.
        assert [
            s.completion.text for s in before.steps[: place.position] if isinstance(s, Call)
        ] == [
            s.completion.text
            for s in failures[label.unit].steps[: label.call_index]
            if isinstance(s, Call)
        ]
    assert sum(of.num_labelled for of in tally.roles.values()) == len(labels)


def test_a_label_is_given_only_where_the_replays_pass(bench, labelled):
    labels, tally = labelled
    grades = {
        Unit(g.problem_id, g.sample): g.is_passed
        for g in read_lines(bench.folder / "truth" / "grades.jsonl", Grade)
    }
    for label in labels:
        place = injection.injection_of(label.unit)
        assert not grades[label.unit]
        assert grades[replace(place, replay=1).unit]
    broken = {u for u, ok in grades.items() if not ok and not injection.injection_of(u).replay}
    assert len(broken) == sum(of.num_failed for of in tally.roles.values()) > len(labels) > 0


def test_the_table_finds_the_rates_that_were_set(table):
    oracle, knowing, coder, majority, _ = table.scores
    assert oracle.hit.share == oracle.step.share == oracle.set_hit.share == 1
    assert knowing.hit.low <= 0.8 <= knowing.hit.high
    assert coder.hit.num_passed == table.labels[Role.CODING]
    assert majority.hit.share < 1
    assert oracle.repaired.share > coder.repaired.share
    assert oracle.uplift == pytest.approx(oracle.repaired.share - table.resampled.share)
    duel = next(d for d in table.duels if (d.first, d.second) == ("oracle", "always coder"))
    assert duel.hits.num_only_second == 0
    assert duel.hits.p <= duel.hits.p_holm <= 1
    assert 0 < table.alpha < 1


def test_failures_of_one_problem_are_tested_as_one(table, labelled):
    assert table.num_problems < table.num_failures
    duel = next(d for d in table.duels if (d.first, d.second) == ("oracle", "always coder"))
    missed = {label.problem_id for label in labelled[0] if label.role is not Role.CODING}
    # The oracle leads at every problem with such a failure, so one choice of signs each way does.
    assert duel.hits.num_problems == len(missed) < duel.hits.num_only_first
    assert duel.hits.p == pytest.approx(2 / 2 ** len(missed))


def test_each_named_role_is_counted_once(table):
    for score in table.scores:
        for role, named in score.named.items():
            assert sum(named.values()) == table.labels[role] == score.hit_by_role[role].num_total
            assert named[role] == score.hit_by_role[role].num_passed


def test_the_page_says_what_the_table_holds(table):
    text = page(table)
    assert f"{table.num_failures} labelled failures of {table.num_problems} problems" in text
    assert "Their certainty is 0.67 on average" in text  # one replay: 2 in 3
    assert "(always coder)" in text
    assert "drawn again, unguided" in text
    assert "put in, so drawing them again passes more often" in " ".join(text.split())
    assert SupervisorTable.model_validate_json(table.model_dump_json()) == table


def test_the_same_command_asks_nothing_again(bench, run, judge, known, student, labelled):
    labels, _ = labelled
    counting = Counting(student)
    again = bench_of(run, counting, judge, bench.folder)
    found, _ = again.by_injection(Erring(always_wrong(known), 2), "scripted", 2, 1)
    assert found == labels
    assert counting.num_asked == 0


def test_what_differs_is_refused(run, judge, known, student, bench, labelled):
    with pytest.raises(StoreError, match="another command"):
        bench_of(run, student, judge, bench.folder).by_injection(
            Erring(always_wrong(known), 2), "scripted", 2, 2
        )


def test_a_fault_of_the_house_leaves_units_owed_and_is_resumed(
    run, judge, known, student, tmp_path, labelled
):
    broken = bench_of(run, Counting(student, limit=25), judge, tmp_path)
    faults = Erring(always_wrong(known), 2)
    with pytest.raises(Unfinished, match="are owed"):
        broken.by_injection(faults, "scripted", 2, 1)
    labels, _ = bench_of(run, student, judge, tmp_path).by_injection(faults, "scripted", 2, 1)
    key = lambda label: label.unit  # noqa: E731
    assert sorted(labels, key=key) == sorted(labelled[0], key=key)
    stored = [c.key for c in read_lines(tmp_path / "truth" / "calls.jsonl", StoredCall)]
    assert len(stored) == len(set(stored))


def test_donors_are_what_the_same_role_said_in_failed_attempts(run):
    donors = Donors(run.failed.values())
    failed = {unit.problem_id for unit in run.failed}
    for unit, trajectory in run.passing.items():
        for call in trajectory.calls:
            assert (donors.count(unit.problem_id, call) > 0) <= (unit.problem_id in failed)
    donor = next(iter(run.failed.values()))
    call = next(c for c in donor.calls if c.failure is None)
    assert donors.count(donor.problem_id, call) == len(
        {
            c.completion.text
            for c in donor.calls
            if c.kind is call.kind and c.failure is None and c.completion != call.completion
        }
    )
    other = call.model_copy(
        update={"completion": call.completion.model_copy(update={"text": "other"})}
    )
    assert donors.fault(donor.problem_id, other, 0) == call.completion


def test_without_any_fault_to_put_in_there_is_an_error(run, student, judge, tmp_path):
    with pytest.raises(InputError, match="no faulty reply fits"):
        bench_of(run, student, judge, tmp_path).by_injection(Donors([]), "donors", 1, 1)


def test_bad_plans_are_put_down_to_planning_by_replay(known, judge, tmp_path):
    few = known[:5]
    student, teacher = TeacherEngine(few, BAD_PLANS), TeacherEngine(few, NEVER, seed=5)
    run = run_of(student, few, judge, tmp_path / "run")
    assert run.failed
    bench = bench_of(run, student, judge, tmp_path / "bench")
    labels, found, tally = bench.by_replay(teacher, Lattice.CHEAP, 5)
    assert 0 < len(labels) == tally.num_labelled
    for attribution in found:
        # A wrong plan may yet pass by luck, and other exemplars bring another wrong plan.
        gain = attribution.values[-1].share - attribution.resampled
        assert sum(attribution.shares.values()) == pytest.approx(gain)
        sure = max(attribution.shares, key=lambda role: attribution.shares[role])
        assert not attribution.repair_sets or sure in (Role.PLANNING, Role.DEBUGGING)
    assert {label.role for label in labels} == {Role.PLANNING}
    coder = baselines.always_coder()
    failures = bench.failures(labels)
    answers = answers_of(bench, [coder], failures)
    table = accuracy.table(
        "run", Truth.REPLAY, labels, answers, bench.resampled(failures), replays=tally
    )
    assert table.is_small
    assert table.scores[0].step is None
    assert "Fewer than 30 failures" in page(table)
    assert "failures replayed (cheap lattice, 5 replays a set)" in page(table)


def test_replays_of_all_sets_share_what_they_ask_alike(known, judge, tmp_path):
    few = known[:5]
    student, teacher = TeacherEngine(few, BAD_PLANS), TeacherEngine(few, NEVER, seed=5)
    run = run_of(student, few, judge, tmp_path / "run")
    bench_of(run, student, judge, tmp_path / "bench").by_replay(teacher, Lattice.CHEAP, 2)
    calls = list(read_lines(tmp_path / "bench" / "truth" / "calls.jsonl", StoredCall))
    asked = sum(
        len(t.calls)
        for t in read_lines(tmp_path / "bench" / "truth" / "trajectories.jsonl", Trajectory)
    )
    recalls = [c for c in calls if c.request.adapter == "retrieval"]
    assert len(recalls) == len(run.failed) * 2 * 2  # two replays, student and teacher
    assert len(calls) < asked / 2


def test_a_supervisor_without_a_usable_reply_misses_and_mends_nothing(bench, labelled):
    labels, tally = labelled
    few = labels[:3]

    @dataclass(frozen=True)
    class Mute:
        name: str = "mute"

        def blame(self, problem, trajectory, round):
            return FormatFailure(kind="unknown_role", detail="'tester' is no agent")

    failures = bench.failures(few)
    answers = answers_of(bench, [Mute()], failures)
    again = dict.fromkeys(failures, False)
    table = accuracy.table("run", Truth.INJECTION, few, answers, again, injections=tally)
    score = table.scores[0]
    assert (score.unusable.share, score.hit.share, score.repaired.share) == (1, 0, 0)
    assert score.named[few[0].role]["unusable"] >= 1
    assert (table.alpha, table.alpha_note is None) == (None, False)


def test_no_labelled_failure_is_an_error():
    with pytest.raises(InputError, match="none is measured"):
        accuracy.table("run", Truth.INJECTION, [], [], {})


def test_majority_never_learns_from_the_failure_it_answers(bench, labelled):
    labels, _ = labelled
    failures = bench.failures(labels)
    for label in labels[:10]:
        trajectory = failures[label.unit]
        other = Role.DEBUGGING if label.role is not Role.DEBUGGING else Role.RETRIEVAL
        changed = [
            x.model_copy(update={"role": other}) if x.problem_id == label.problem_id else x
            for x in labels
        ]
        first, second = (baselines.majority(x).choose(trajectory) for x in (labels, changed))
        assert first is second


def test_a_rule_cannot_blame_a_role_that_was_never_asked(bench, run, labelled):
    labels, _ = labelled
    failures = bench.failures(labels)
    bare = next(iter(failures.values()))
    bare = bare.model_copy(update={"steps": bare.steps[:1], "program": None})
    problem = run.problems[bare.problem_id]
    said = baselines.always_coder().blame(problem, bare, 1)
    assert isinstance(said, FormatFailure)
    assert said.kind == "role_not_asked"
    assert baselines.at_random().choose(bare) is Role.RETRIEVAL
    nothing = baselines.at_random().blame(problem, bare.model_copy(update={"steps": ()}), 1)
    assert isinstance(nothing, FormatFailure)


def test_runs_that_cannot_be_measured_are_refused(run, known, tmp_path):
    problems = list(run.problems.values())
    with pytest.raises(InputError, match="no hidden tests"):
        graded_run(run.path, problems, None)
    with pytest.raises(InputError, match="have changed"):
        graded_run(run.path, problems[1:], run.hidden)
    with pytest.raises(StoreError):
        graded_run(tmp_path, problems, run.hidden)
    copy = tmp_path / "copy"
    copy.mkdir()
    for name in ("config.json", "manifest.json", "grades.jsonl"):
        (copy / name).write_bytes((run.path / name).read_bytes())
    with pytest.raises(SandboxError, match="self-test"):
        graded_run(copy, problems, run.hidden)
    (copy / "selftest.json").write_bytes((run.path / "selftest.json").read_bytes())
    for name in ("problems.jsonl", "calls.jsonl"):
        (copy / name).write_bytes((run.path / name).read_bytes())
    (copy / "trajectories.jsonl").write_text("")
    with pytest.raises(StoreError, match="not the file that the run's manifest speaks of"):
        graded_run(copy, problems, run.hidden)
    (copy / "manifest.json").unlink()
    with pytest.raises(InputError, match="not a complete run"):
        graded_run(copy, problems, run.hidden)


def test_faults_go_only_where_the_passing_program_rests(run):
    kinds = {CallKind.RETRIEVAL, CallKind.PLAN, CallKind.CODING}
    for trajectory in run.passing.values():
        places = injection.points(trajectory)
        calls = [trajectory.steps[place] for place in places]
        assert {call.kind for call in calls if isinstance(call, Call)} <= kinds
        assert {CallKind.RETRIEVAL, CallKind.PLAN} <= {c.kind for c in calls if isinstance(c, Call)}
