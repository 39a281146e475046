"""What becomes of rows: written, repeated, left out or broken, and always counted."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapcoder_lite.data.importing import READERS, Tally, Wanted, import_problems
from mapcoder_lite.data.problem_json import read_hidden_tests, read_problems
from mapcoder_lite.data.rows import Broken, Imported, LeftOut, Outcome
from mapcoder_lite.data.sources import PLACES
from mapcoder_lite.errors import InputError
from mapcoder_lite.problem import HiddenTests, Problem, Source, Test


def imported(name: str, answer: str = "1", **source: str) -> Imported:
    problem = Problem(id=name, statement="s", source=Source.model_validate({"name": "x"} | source))
    tests = (Test(input="0", outputs=(answer,)),)
    return Imported(problem, HiddenTests(problem_id=name, tests=tests))


def run(folder: Path, *outcomes: Outcome, wanted: Wanted | None = None) -> Tally:
    return import_problems(iter(outcomes), folder, wanted or Wanted())


OUTCOMES = st.lists(
    st.builds(imported, st.sampled_from("abc"), st.sampled_from("12"))
    | st.builds(LeftOut, st.just("w"), st.sampled_from(["p", "q"]))
    | st.builds(Broken, st.just("w"), st.just("r"))
)


@given(OUTCOMES)
def test_every_row_is_counted_once(
    tmp_path_factory: pytest.TempPathFactory, outcomes: list[Outcome]
):
    folder = tmp_path_factory.mktemp("data")
    if not any(isinstance(one, Imported) for one in outcomes):
        with pytest.raises(InputError, match="no problem was read"):
            run(folder, *outcomes)
        assert list(folder.iterdir()) == []
        return
    tally = run(folder, *outcomes)
    assert tally.num_rows == len(outcomes)
    parts = (tally.num_problems, tally.repeated.total(), tally.left_out.total(), len(tally.broken))
    assert sum(parts) == len(outcomes)
    ids = [problem.id for problem in read_problems(folder / "problems.jsonl")]
    assert list(read_hidden_tests(folder / "hidden_tests.jsonl")) == ids
    assert len(ids) == tally.num_problems


def test_a_repeated_row_is_dropped_and_another_problem_of_the_id_is_a_fault(tmp_path: Path):
    tally = run(tmp_path, imported("a"), imported("a"), imported("a", "2"), imported("b"))
    assert tally.repeated == {"a": 1}
    assert [fault.where for fault in tally.broken] == ["a"]
    assert read_hidden_tests(tmp_path / "hidden_tests.jsonl")["a"].tests[0].outputs == ("1",)


@pytest.mark.parametrize(
    ("wanted", "ids", "left_out"),
    [
        (Wanted(split="train"), ["a"], {"split test": 1, "split not known": 1}),
        (Wanted(since="2024-02-01"), ["b"], {"no date": 1, "outside the days asked for": 1}),
        (Wanted(until="2024-01-31"), ["a"], {"no date": 1, "outside the days asked for": 1}),
        (Wanted(since="2024-01-31", until="2024-03-01"), ["a", "b"], {"no date": 1}),
        (Wanted(limit=2), ["a", "b"], {}),
    ],
)
def test_only_what_is_wanted_is_written(
    tmp_path: Path, wanted: Wanted, ids: list[str], left_out: dict[str, int]
):
    rows = (
        imported("a", split="train", date="2024-01-31"),
        imported("b", split="test", date="2024-03-01"),
        imported("c"),
    )
    tally = run(tmp_path, *rows, wanted=wanted)
    assert [problem.id for problem in read_problems(tmp_path / "problems.jsonl")] == ids
    assert tally.left_out == left_out


def test_a_failure_leaves_the_files_of_before(tmp_path: Path):
    run(tmp_path, imported("a"))

    def torn() -> Iterator[Outcome]:
        yield imported("b")
        raise InputError("torn")

    with pytest.raises(InputError, match="torn"):
        import_problems(torn(), tmp_path, Wanted())
    assert [problem.id for problem in read_problems(tmp_path / "problems.jsonl")] == ["a"]
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "hidden_tests.jsonl",
        "problems.jsonl",
    ]


def test_every_source_is_described_and_read():
    assert set(READERS) | {"problem"} == set(PLACES)
    assert all(place.licence and place.where for place in PLACES.values())


@given(
    st.sampled_from(sorted(READERS)),
    st.lists(st.dictionaries(st.sampled_from(["id", "name", "test_list", "base_input", "code"]),
                             st.none() | st.integers() | st.text(max_size=3)), min_size=1),
)  # fmt: skip
def test_no_row_of_wrong_types_stops_an_import(
    tmp_path_factory: pytest.TempPathFactory, name: str, rows: list[dict[str, object]]
):
    path = tmp_path_factory.mktemp("rows") / "a.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = list(READERS[name](path))
    assert len(found) == len(rows)
    assert all(isinstance(one, Broken) and one.reason for one in found)
