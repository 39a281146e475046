"""A server that answers as a scripted engine and misbehaves at set rates, and a driver that kills.

The server records every question it received and every reply it delivered whole; the driver holds
that record against calls.jsonl at each kill. The tests and benchmarks/curation_faults.py use it.
"""

import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from threading import Lock
from typing import Any

from fake_server import Exchange, FakeServer, Manner, cuts, ends, event, fails
from mapcoder_lite.calls import StoredCall
from mapcoder_lite.engine.reply import row_seed
from mapcoder_lite.errors import EngineError
from mapcoder_lite.jsonl import read_lines
from mapcoder_lite.trajectory import Completion, Engine, Message, Request, Sampling, Watch

CALM: Mapping[str, float] = {}
STORMY: Mapping[str, float] = {
    "429": 0.04,
    "429, Retry-After": 0.03,
    "500": 0.04,
    "hang": 0.01,
    "hang in mid-reply": 0.01,
    "cut": 0.04,
    "not JSON": 0.02,
    "wrong JSON": 0.02,
    "empty": 0.02,
}
"""Share of requests that each fault befalls."""

_TIMINGS = {
    *("seconds", "cpu_ms", "wall_ms", "rss_kb", "milliseconds", "is_cached"),
    *("num_retried", "num_doubtful", "num_flipped"),
}


def question_of(messages: Sequence[Message], temperature: float, seed: int) -> str:
    """Name a question by what is sent of it, so that server and store name it alike.

    The seed is the one that is sent, which is not the setting's where a question is asked again.
    """
    sampling = Sampling(temperature=temperature, seed=seed)
    return Request(messages=tuple(messages), sampling=sampling).key


class Storm:
    """Answers on a socket as an engine does, but for the faults that befall its requests."""

    def __init__(self, engine: Engine, seed: int = 0) -> None:
        self.rates = CALM
        self.faults: Counter[str] = Counter()
        self.received: list[str] = []
        self.delivered: Counter[str] = Counter()
        self._engine = engine
        self._seed = seed
        self._num_requests = 0
        self._lock = Lock()  # protects the records
        self.server = FakeServer()
        self.server.manners = [self._play]

    def begin(self) -> None:
        """Begin the record of a sitting."""
        with self._lock:
            self.received, self.delivered = [], Counter()

    def settle(self) -> None:
        """Wait until nobody is being answered: what a dead client had asked is answered too."""
        while self.server.in_flight:
            time.sleep(0.01)

    def close(self) -> None:
        self.server.close()

    def _play(self, exchange: Exchange) -> None:
        body = exchange.body
        messages = tuple(Message.model_validate(message) for message in body["messages"])
        question = question_of(messages, body["temperature"], body["seed"])
        sampling = Sampling(temperature=body["temperature"], seed=body["seed"])
        asked = Request(messages=messages, sampling=sampling)
        try:
            (completion,) = self._engine.complete([asked])
            text, usage = completion.text, completion.usage
        except EngineError:  # what `run` tries a server by is no question of a run
            words = sum(len(message.content.split()) for message in messages)
            _says("no puzzle", words, 2)(exchange)
            return
        fault = self._fault(question)
        if fault is None:
            _says(text, usage.prompt_tokens, usage.completion_tokens)(exchange)
            with self._lock:
                self.delivered[question] += 1
        else:
            self._manner(fault, text)(exchange)

    def _fault(self, question: str) -> str | None:
        with self._lock:
            self.received.append(question)
            self._num_requests += 1
            draw = Random(f"{self._seed}/{self._num_requests}").random()
            for name, rate in self.rates.items():
                draw -= rate
                if draw < 0:
                    self.faults[name] += 1
                    return name
        return None

    def _manner(self, fault: str, text: str) -> Manner:
        half = text[: len(text) // 2]
        return {
            "429": fails(429, "too many"),
            "429, Retry-After": fails(429, "too many", Retry_After="0.2"),
            "500": fails(500, "out of order"),
            "hang": self.server.hangs(),
            "hang in mid-reply": self.server.hangs(event(half)),
            "cut": cuts(half),
            "not JSON": _sends("<html>Good gateway</html>\n"),
            "wrong JSON": _sends('data: {"choices": "none"}\n\n'),
            "empty": _sends(),
        }[fault]


class Cast:
    """Answers as a student, and what a supervisor is asked as one."""

    def __init__(self, student: Engine, supervisor: Engine) -> None:
        self.identity = f"{student.identity} under {supervisor.identity}"
        self._student = student
        self._supervisor = supervisor

    def complete(self, requests: Sequence[Request], watch: Watch | None = None) -> list[Completion]:
        """Answer every request, in order."""
        return [self._who(request).complete([request])[0] for request in requests]

    def close(self) -> None:
        """Nothing is held."""

    def _who(self, request: Request) -> Engine:
        is_supervisor = request.messages[0].content.startswith("You supervise")
        return self._supervisor if is_supervisor else self._student


@dataclass(slots=True)
class Journey:
    """What became of a command that was killed until it was done."""

    num_sittings: int = 0
    num_kills: int = 0
    num_faulty_ends: int = 0
    """Sittings that ended by themselves with units owed."""
    num_received: int = 0
    asked_again: list[str] = field(default_factory=list[str])
    """Questions that came although their completion was stored, or delivered before in the
    sitting."""
    lost: list[str] = field(default_factory=list[str])
    """Stored completions that were gone after a later kill."""
    most_in_air: int = 0
    """Delivered, yet not stored when the kill came, at most in a sitting."""
    num_torn: int = 0
    """Kills that left a half-written line in calls.jsonl."""


def survive(
    command: Sequence[str],
    calls: Path,
    storm: Storm,
    *,
    kill_after: tuple[float, float],
    seed: int = 0,
    most_sittings: int = 1000,
    most_kills: int = 1000,
) -> Journey:
    """Run a command again and again, killed at random, until it ends with 0.

    `calls` is the calls.jsonl that it writes. Three of four kills come so many seconds after the
    sitting's first question, the others so many after its start.
    """
    journey, random = Journey(), Random(seed)
    stored = stored_questions(calls)
    while journey.num_sittings < most_sittings:
        storm.begin()
        delay = random.uniform(*kill_after)
        is_early = random.random() < 0.25
        is_spared = journey.num_kills >= most_kills
        code = _sit(command, storm, None if is_spared else delay, is_early=is_early)
        storm.settle()
        before, stored = stored, stored_questions(calls)
        journey.num_sittings += 1
        journey.num_kills += code == -9
        journey.num_torn += code == -9 and not _is_whole(calls)
        journey.num_received += len(storm.received)
        journey.asked_again += [asked for asked in storm.received if asked in before]
        journey.asked_again += [asked for asked, n in storm.delivered.items() if n > 1]
        journey.lost += sorted(before - stored)
        in_air = storm.delivered.keys() - stored
        journey.most_in_air = max(journey.most_in_air, len(in_air))
        if code == 0:
            if in_air:
                journey.lost += sorted(in_air)
            return journey
        if code not in (-9, 3, 9):
            sys.exit(f"ended with {code}: {' '.join(command)}")
        journey.num_faulty_ends += code != -9
    sys.exit(f"not done after {most_sittings} sittings: {' '.join(command)}")


def stored_questions(calls: Path) -> set[str]:
    """Return the questions whose completions a store holds."""
    return {
        question_of(
            call.request.messages_sent,
            call.request.sampling.temperature,
            row_seed(call.request.sampling.seed, call.request.attempt),
        )
        for call in read_lines(calls, StoredCall)
    }


def differences(calm: Path, stormy: Path) -> list[str]:
    """Say where two runs differ, timings aside."""
    found: list[str] = []
    names = ["trajectories.jsonl", "grades.jsonl"]
    if (calm / "corrections.jsonl").exists():
        names.append("corrections.jsonl")
    for name in names:
        ours, theirs = (dict(_lines(run / name)) for run in (calm, stormy))
        num_lines = (stormy / name).read_bytes().count(b"\n")
        if num_lines != len(theirs):
            found.append(f"{name}: {num_lines} lines of {len(theirs)} units")
        units = ours.keys() | theirs.keys()
        found += [f"{name}: {unit}" for unit in units if ours.get(unit) != theirs.get(unit)]
    if stored_questions(calm / "calls.jsonl") != stored_questions(stormy / "calls.jsonl"):
        found.append("calls.jsonl: other questions")
    return found


def program(folder: Path, *words: str) -> list[str]:
    """Return a command that runs the package as a program."""
    return [sys.executable, "-m", "mapcoder_lite", *words, "--out", str(folder / "runs")]


def settings(url: str, folder: Path, *more: str) -> list[str]:
    """Return the words that have a run ask a server about the problems of a folder."""
    chosen = [
        "engine.kind=openai",
        "engine.model=pocket",
        f"engine.base_url={url}",
        "engine.adapters=false",
        "engine.timeout_seconds=3",
        "engine.idle_seconds=3",
        "traversal.max_tokens=512",
        f"run.problems={folder / 'problems.jsonl'}",
        f"run.hidden_tests={folder / 'hidden_tests.jsonl'}",
        "run.max_errors=1000",
        "judge.speed_factor=1",
        *more,
    ]
    return [word for setting in chosen for word in ("-s", setting)]


def supervised(url: str) -> list[str]:
    """Return the words that have a repair ask a server who is to blame."""
    chosen = {
        "kind": "openai",
        "model": "pocket",
        "base_url": url,
        "adapters": "false",
        "timeout_seconds": "3",
        "idle_seconds": "3",
    }
    return [word for key, value in chosen.items() for word in ("-s", f"supervisor.{key}={value}")]


def _sit(command: Sequence[str], storm: Storm, delay: float | None, *, is_early: bool) -> int:
    """Run once; return the exit code, -9 when it was killed."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        if delay is None:
            return process.wait()
        while not is_early and not storm.received and process.poll() is None:
            time.sleep(0.02)
        return process.wait(delay)
    except subprocess.TimeoutExpired:
        return -9
    finally:
        process.kill()
        process.wait()


def _says(text: str, prompt_tokens: int, completion_tokens: int) -> Manner:
    usage: dict[str, Any] = {"prompt_tokens": prompt_tokens, "completion_tokens": completion_tokens}
    usage["total_tokens"] = prompt_tokens + completion_tokens
    half = len(text) // 2
    return _sends(*(event(part) for part in (text[:half], text[half:])), *ends(usage=usage))


def _sends(*pieces: str) -> Manner:
    def play(exchange: Exchange) -> None:
        for piece in pieces:
            exchange.send(piece)
        exchange.end()

    return play


def _is_whole(path: Path) -> bool:
    text = path.read_bytes() if path.exists() else b""
    return not text or text.endswith(b"\n")


def _lines(path: Path) -> Iterator[tuple[tuple[object, ...], object]]:
    for line in path.read_text(encoding="utf-8").split("\n")[:-1]:
        record = json.loads(line)
        round = [record["round"]] if "round" in record else []  # a unit has several corrections
        yield (record["problem_id"], record["sample"], *round), _untimed(record)


def _untimed(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _untimed(part) for key, part in value.items() if key not in _TIMINGS}
    return [_untimed(part) for part in value] if isinstance(value, list) else value
