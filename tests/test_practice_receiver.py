"""The listener over a real socket: what the extension sends is taken, what a page sends is not."""

import http.client
import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from mapcoder_lite.practice.inbox import MAX_WAITING, Inbox, stem_of
from mapcoder_lite.practice.receiver import PortTaken, Receiver, is_listener
from mapcoder_lite.problem import Problem, Source, Test
from test_data_single import COMPANION

JSON = {"Content-Type": "application/json"}


@dataclass(slots=True)
class Listening:
    """A listener and what it took and said."""

    folder: Path
    inbox: Inbox
    said: list[str] = field(default_factory=list[str])
    port: int = 0

    def post(
        self, body: bytes | dict[str, Any], headers: dict[str, str] | None = None, **more: str
    ) -> tuple[int, dict[str, Any]]:
        """Send a request as the extension does, but for the headers that are named."""
        sent = body if isinstance(body, bytes) else json.dumps(body).encode()
        connection = http.client.HTTPConnection(more.get("host", "127.0.0.1"), self.port, 10)
        try:
            connection.request("POST", "/", sent, JSON if headers is None else headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()

    def raw(self, request: bytes, *, ends: bool = False) -> bytes:
        """Send bytes as they are and return all that comes back."""
        with socket.create_connection(("127.0.0.1", self.port), 20) as connection:
            connection.sendall(request)
            if ends:
                connection.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: connection.recv(1 << 16), b""))


@pytest.fixture
def listening(tmp_path: Path) -> Iterator[Listening]:
    inbox = Inbox(tmp_path)
    made = Listening(tmp_path, inbox)
    with Receiver(0, inbox.accept, made.said.append) as receiver:
        made.port = receiver.port
        yield made


def test_a_problem_is_on_disk_before_its_sender_hears_of_it(listening: Listening):
    assert listening.post(COMPANION) == (200, {"received": "G.-Castle-Defence.json"})
    path = listening.folder / "G.-Castle-Defence.json"
    assert json.loads(path.read_text()) == COMPANION
    received = listening.inbox.take()
    assert (received.path, received.problem.title) == (path, "G. Castle Defence")
    assert listening.said == []


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
@pytest.mark.parametrize(
    "origin", [None, "moz-extension://0f8e-11", "chrome-extension://cjnmckjndlpiamhfimnn"]
)
def test_every_way_in_which_the_extension_sends_is_taken(
    listening: Listening, host: str, origin: str | None
):
    headers = {"Content-Type": "application/json; charset=utf-8"}
    status, _ = listening.post(
        COMPANION, headers | ({"Origin": origin} if origin else {}), host=host
    )
    assert status == 200


def test_it_listens_on_both_loopback_addresses(listening: Listening):
    if not _has_ipv6():
        pytest.skip("this machine has no ::1")
    assert listening.post(COMPANION, host="::1")[0] == 200


@pytest.mark.parametrize(
    ("headers", "status", "said"),
    [
        (JSON | {"Host": "evil.example"}, 403, "unknown Host"),
        (JSON | {"Host": "127.0.0.1"}, 403, "unknown Host"),
        (JSON | {"Origin": "https://evil.example"}, 403, "a web page asks"),
        (JSON | {"Origin": "http://localhost:10043"}, 403, "a web page asks"),
        (JSON | {"Origin": "null"}, 403, "a web page asks"),
        (JSON | {"Origin": "https://x/chrome-extension://"}, 403, "a web page asks"),
        ({"Content-Type": "text/plain"}, 415, "must be application/json"),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415, "must be application/json"),
        ({}, 415, "must be application/json"),
        (JSON | {"Transfer-Encoding": "chunked"}, 411, "Content-Length is needed"),
    ],
)
def test_what_no_extension_sends_is_refused(
    listening: Listening, headers: dict[str, str], status: int, said: str
):
    got, answer = listening.post(COMPANION, headers)
    assert (got, said in answer["error"]) == (status, True)
    assert _nothing_is_kept(listening)
    assert said in listening.said[0]


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (b"x" * 3_000_000, 413, "3,000,000 bytes, more than 2,000,000"),
        (b'{"name": "half', 400, "broken JSON"),
        (b"[" * 100_000, 400, "broken JSON"),
        (b"\xff\xfe\x00", 400, "broken JSON"),
        (b"[]", 422, "expected an object"),
        (b"{}", 422, "expected a problem of Competitive Companion"),
        (COMPANION | {"interactive": True}, 422, "interactive"),
        (COMPANION | {"input": {"type": "file"}}, 422, "it reads file"),
        (COMPANION | {"timeLimit": "soon"}, 422, "timeLimit"),
        (COMPANION | {"tests": [{"input": 1}]}, 422, "tests"),
        (COMPANION | {"name": ""}, 422, "name"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_what_is_no_problem_gets_a_clear_answer(
    listening: Listening, body: bytes | dict[str, Any], status: int, said: str
):
    assert listening.post(COMPANION | {"name": "Before"})[0] == 200
    got, answer = listening.post(body)
    assert (got, said in answer["error"]) == (status, True), answer
    assert listening.post(COMPANION | {"name": "After", "url": ""})[0] == 200
    assert sorted(path.name for path in listening.folder.iterdir()) == ["After.json", "Before.json"]


def test_odd_requests_are_answered_or_dropped_and_the_next_one_is_served(listening: Listening):
    head = f"POST / HTTP/1.1\r\nHost: 127.0.0.1:{listening.port}\r\n".encode()
    typed = head + b"Content-Type: application/json\r\n"
    assert b" 400 " in listening.raw(typed + b"Content-Length: 10\r\n\r\n{}", ends=True)
    assert b" 400 " in listening.raw(typed + b"Content-Length: -1\r\n\r\n")
    assert b" 400 " in listening.raw(typed + b"Host: evil.example\r\nContent-Length: 2\r\n\r\n{}")
    assert b" 411 " in listening.raw(typed + b"\r\n")
    expecting = typed + b"Expect: 100-continue\r\nContent-Length: 3000000\r\n\r\n"
    answer = listening.raw(expecting)
    assert b" 413 " in answer and b"100 Continue" not in answer
    assert b" 501 " in listening.raw(head.replace(b"POST", b"OPTIONS") + b"\r\n")
    listening.raw(b"\x16\x03\x01\x02\x00\x01\x00\n\n", ends=True)
    assert _nothing_is_kept(listening)
    assert listening.post(COMPANION)[0] == 200


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("../../evil", "evil"),
        ("-rf", "rf"),
        ("..", "problem"),
        ("問題", "problem"),
        ("a" * 500, "a" * 80),
    ],
)
def test_a_hostile_name_stays_in_the_folder(listening: Listening, name: str, stem: str):
    assert listening.post(COMPANION | {"name": name, "url": ""}) == (
        200,
        {"received": f"{stem}.json"},
    )
    assert [path.name for path in listening.folder.iterdir()] == [f"{stem}.json"]


@pytest.mark.parametrize(("text", "status"), [("\\ud800", 422), ("\\u0000", 200), ("\\u001b", 200)])
def test_characters_that_no_file_or_terminal_wants(listening: Listening, text: str, status: int):
    body = json.dumps(COMPANION).replace("G. Castle", f"{text}G. Castle").encode()
    got, answer = listening.post(body)
    assert got == status, answer
    if status == 200:
        assert answer == {"received": "G.-Castle-Defence.json"}


def test_the_same_problem_keeps_its_file_and_another_gets_its_own(listening: Listening):
    other = COMPANION | {"url": "https://example.org/1"}
    names = [listening.post(body)[1]["received"] for body in (COMPANION, COMPANION, other, other)]
    first, second = "G.-Castle-Defence.json", "G.-Castle-Defence-2.json"
    assert names == [first, first, second, second]
    (listening.folder / "Mine.json").write_text("my own notes")
    assert listening.post(COMPANION | {"name": "Mine"})[1] == {"received": "Mine-2.json"}
    assert (listening.folder / "Mine.json").read_text() == "my own notes"


def test_a_full_queue_says_so_and_loses_nothing(listening: Listening):
    for number in range(MAX_WAITING):
        listening.inbox.accept(COMPANION | {"name": f"P{number}", "url": f"https://e.org/{number}"})
    status, answer = listening.post(COMPANION)
    assert (status, "wait already" in answer["error"]) == (503, True)
    assert len(list(listening.folder.iterdir())) == MAX_WAITING
    listening.inbox.take()
    assert listening.post(COMPANION)[0] == 200


def test_a_folder_that_is_gone_is_the_senders_to_know(listening: Listening):
    listening.folder.rmdir()
    status, answer = listening.post(COMPANION)
    assert (status, "could not be stored" in answer["error"]) == (500, True)


def test_many_at_once_all_get_files(listening: Listening):
    bodies = [COMPANION | {"name": "Same", "url": f"https://e.org/{n}"} for n in range(12)]
    statuses: list[int] = []
    threads = [
        threading.Thread(target=lambda b=body: statuses.append(listening.post(b)[0]))
        for body in bodies
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 12
    urls = {json.loads(path.read_text())["url"] for path in listening.folder.iterdir()}
    assert urls == {body["url"] for body in bodies}


def test_a_second_listener_learns_of_the_first(listening: Listening):
    assert is_listener(listening.port)
    with pytest.raises(PortTaken, match=r"`mapcoder listen` runs already on port"):
        Receiver(listening.port, lambda fields: "")
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(PortTaken, match=r"another program listens on port \d+"):
            Receiver(port, lambda fields: "")


@pytest.mark.parametrize(
    ("url", "stem"),
    [
        ("https://codeforces.com/problemset/problem/954/G", "954G"),
        ("https://codeforces.com/contest/1500/problem/A1", "1500A1"),
        ("https://atcoder.jp/contests/abc300/tasks/abc300_a", "abc300_a"),
        ("https://open.kattis.com/problems/hello", "Hello-World"),
        ("http://[", "Hello-World"),
        (None, "Hello-World"),
    ],
)
def test_files_are_named_as_contestants_name_them(url: str | None, stem: str):
    problem = Problem(
        id="x",
        title="Hello World!",
        statement="s",
        public_tests=(Test(input="", outputs=("",)),),
        source=Source(name="c", url=url),
    )
    assert stem_of(problem) == stem


def _nothing_is_kept(listening: Listening) -> bool:
    return not list(listening.folder.iterdir()) and listening.inbox.num_waiting == 0


def _has_ipv6() -> bool:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


@pytest.mark.parametrize("field", ["url", "name", "group"])
def test_half_a_character_is_refused(listening: Listening, field: str):
    status, answer = listening.post(COMPANION | {field: "https://a\ud800/b"})
    assert (status, "half a character" in answer["error"]) == (422, True)
    assert listening.post(COMPANION | {field: "https://a\U0001f600.example/b"})[0] == 200
