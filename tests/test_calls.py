import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapcoder_lite.calls import CallStore, EarlierCalls, StoredCall
from mapcoder_lite.errors import StoreError
from mapcoder_lite.jsonl import JsonLines, read_at, read_lines, read_placed
from mapcoder_lite.run_problem import RunProblem
from mapcoder_lite.trajectory import Completion, Message, Request


def request(text: str) -> Request:
    return Request(messages=(Message(role="user", content=text),))


def completion(text: str) -> Completion:
    return Completion(text=text, finish_reason="stop")


def filled(run: Path, **texts: str) -> Path:
    """A folder whose calls.jsonl holds these texts under these keys."""
    run.mkdir(exist_ok=True)
    store = CallStore(run / "calls.jsonl")
    for key, text in texts.items():
        store.put(key, request(key), completion(text))
    store.close()
    return run


def test_completions_are_read_from_the_file_when_asked_for(tmp_path: Path):
    long = "é \u2028 ✓\n" * 20_000  # longer than any block that is read at a time
    filled(tmp_path, a="1", b=long, c="3")
    store = CallStore(tmp_path / "calls.jsonl")
    assert [answer and answer.text for answer in map(store.get, "abcd")] == ["1", long, "3", None]
    store.put("d", request("d"), completion("4"))
    answer = store.get("d")
    assert answer is not None and answer.text == "4"
    assert [call.key for call in store.read()] == list("abcd")
    store.close()


def test_a_place_that_holds_something_else_now_is_refused(tmp_path: Path):
    path = filled(tmp_path, a="1") / "calls.jsonl"
    store = CallStore(path)
    path.write_bytes(b"x" * path.stat().st_size)
    with pytest.raises(StoreError, match=r"calls\.jsonl, byte 0: not a StoredCall"):
        store.get("a")
    store.close()


def test_many_threads_write_a_key_once_and_read_what_they_wrote(tmp_path: Path):
    store = CallStore(tmp_path / "calls.jsonl")

    def put_and_get(number: int) -> str:
        key = f"k{number % 40}"
        store.put(key, request(key), completion(str(number)))
        answer = store.get(key)
        assert answer is not None
        return f"{key}:{answer.text}"

    with ThreadPoolExecutor(8) as pool:
        seen = set(pool.map(put_and_get, range(400)))
    store.close()
    lines = list(read_lines(tmp_path / "calls.jsonl", StoredCall))
    assert len(lines) == len({line.key for line in lines}) == 40
    assert seen == {f"{line.key}:{line.completion.text}" for line in lines}


def test_what_an_earlier_run_was_answered_is_copied_with_its_name(tmp_path: Path):
    first = filled(tmp_path / "first", a="1", b="2")
    second = tmp_path / "second"
    second.mkdir()
    for _ in range(2):  # the second time from the own file
        store = CallStore(second / "calls.jsonl", [first])
        answer = store.get("a")
        assert answer is not None and answer.text == "1"
        assert store.get("x") is None
        store.close()
    kept = list(read_lines(second / "calls.jsonl", StoredCall))
    assert [(call.key, call.reused_from) for call in kept] == [("a", "first")]
    again = EarlierCalls(second).get("a")
    assert again is not None and again.reused_from == "first"


def test_an_earlier_run_is_only_read(tmp_path: Path):
    path = filled(tmp_path, a="1") / "calls.jsonl"
    with path.open("ab") as file:
        file.write(b'{"key": "half')
    before = path.read_bytes()
    calls = EarlierCalls(tmp_path)
    assert len(calls) == 1
    calls.close()
    assert path.read_bytes() == before
    with pytest.raises(StoreError, match=r"run\.reuse names .*nowhere"):
        EarlierCalls(tmp_path / "nowhere")


@given(texts=st.lists(st.text(max_size=300), min_size=1, max_size=8), block=st.integers(1, 70))
def test_every_place_leads_back_to_its_record(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str], block: int
):
    path = tmp_path_factory.mktemp("x") / "x.jsonl"
    lines = JsonLines(path, RunProblem)
    written = [lines.write(RunProblem(problem_id=text)) for text in texts]
    placed = list(read_placed(path, RunProblem))
    assert [place for place, _ in placed] == written
    assert [lines.at(place) for place in written] == [record for _, record in placed]
    with path.open("rb") as file:
        found = [read_at(file.fileno(), n, path, RunProblem, block).problem_id for n in written]
    assert found == texts
    lines.close()


def test_after_a_failed_synchronisation_nothing_is_believed_to_be_stored(tmp_path: Path):
    lines = JsonLines(tmp_path / "x.jsonl", RunProblem)
    place = lines.append(RunProblem(problem_id="a"))
    second = lines.write(RunProblem(problem_id="b"))
    descriptor = lines._file.fileno()  # pyright: ignore[reportPrivateUsage]
    kept = os.dup(descriptor)
    read_end, write_end = os.pipe()  # no pipe can be synchronised
    os.dup2(write_end, descriptor)
    with pytest.raises(StoreError, match="free the disk"):
        lines.sync(second)
    os.dup2(kept, descriptor)
    with pytest.raises(StoreError, match="free the disk"):
        lines.append(RunProblem(problem_id="c"))
    lines.sync(place)  # what was on disk before still is
    for end in (kept, read_end, write_end):
        os.close(end)
    lines.close()
    texts = [json.loads(line)["problem_id"] for line in (tmp_path / "x.jsonl").open()]
    assert texts[:2] == ["a", "b"]
