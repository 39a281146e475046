"""Faults seen in other judges, which this one must not have; function tests have their own."""

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mapcoder_lite.errors import SandboxError
from mapcoder_lite.judge.judge import SandboxJudge
from mapcoder_lite.judge.languages import language_of
from mapcoder_lite.problem import Checker, Language, Limits, Test
from mapcoder_lite.verdict import Judgement, TestResult, Verdict
from process_tree import descendants, settles

PROGRAMS = Path(__file__).parent / "corpus" / "programs"
LIMITS = Limits(cpu_seconds=1.0, memory_bytes=128 << 20)
SUM = "print(sum(map(int, input().split())))"
TEST = Test(input="1 2\n", outputs=("3\n",))
ANSWER = Test(input="1 2\n", outputs=("918273645546372819\n",))


@pytest.fixture(scope="module", params=["bubblewrap", "landlock"])
def judge(request: pytest.FixtureRequest) -> Iterator[SandboxJudge]:
    try:
        made = SandboxJudge(1, tier=request.param)
    except SandboxError as error:
        pytest.skip(str(error))
    with made:
        yield made


def ask(
    judge: SandboxJudge,
    program: str,
    test: Test = TEST,
    *,
    language: Language = Language.PYTHON,
    limits: Limits = LIMITS,
) -> Judgement:
    return judge.judge(program, language, [test], limits=limits, checker=Checker())


def verdict(judge: SandboxJudge, program: str, test: Test = TEST) -> Verdict:
    return ask(judge, program, test).verdict


def shown(judge: SandboxJudge, program: str) -> TestResult:
    return ask(judge, program).results[0]


def test_an_answer_that_equals_everything_is_wrong(judge: SandboxJudge) -> None:
    program = "class Any(str):\n def __eq__(self, other): return True\nprint(Any('x'))"
    assert verdict(judge, program) is Verdict.WA


def test_no_frame_above_the_program_holds_the_answer(judge: SandboxJudge) -> None:
    program = """
import gc, re, sys
frame, seen = sys._getframe(), []
while frame:
    seen.append(repr((frame.f_globals, frame.f_locals)))
    frame = frame.f_back
seen += [repr(thing) for thing in gc.get_objects() if type(thing) in (dict, list, tuple, str)]
print(*set(re.findall(r"[0-9]{18}", "".join(seen))))
"""
    assert verdict(judge, program, ANSWER) is Verdict.WA
    # the same search finds what is there
    assert verdict(judge, "x = ['918273645546372819']" + program, ANSWER) is Verdict.AC


def test_no_frame_above_the_program_holds_the_verdict(judge: SandboxJudge) -> None:
    program = """
import sys
frame = sys._getframe()
while frame:
    for names in (frame.f_globals, frame.f_locals):
        for name in list(names):
            if name.lower() in ("verdict", "passed", "result", "results", "status", "ended", "ok"):
                names[name] = True
    frame = frame.f_back
"""
    assert verdict(judge, program) is Verdict.WA


def test_success_said_early_is_no_success(judge: SandboxJudge) -> None:
    for ending in ("exit(0)", "import sys; sys.exit(0)", "import os; os._exit(0)"):
        assert verdict(judge, f"{ending}\n{SUM}") is Verdict.WA
    assert verdict(judge, SUM) is Verdict.AC  # and the evaluation goes on


def test_an_empty_program_has_nothing_of_the_one_before(judge: SandboxJudge) -> None:
    program = "answer = lambda: print(3)\nimport builtins\nbuiltins.answer = answer\nanswer()"
    assert verdict(judge, program) is Verdict.AC
    assert verdict(judge, "") is Verdict.WA
    assert verdict(judge, "answer()") is Verdict.RE


def test_nothing_runs_on_after_its_time(judge: SandboxJudge) -> None:
    program = "import threading\ndef spin():\n while True: pass\n"
    program += "for _ in range(4): threading.Thread(target=spin, daemon=True).start()\nspin()"
    before = resting(judge)
    assert verdict(judge, program) is Verdict.TLE
    assert settles(lambda: set(descendants(os.getpid())) <= before)
    used = cpu_ticks(before)
    time.sleep(0.2)
    assert cpu_ticks(before) - used <= 2  # ticks of 10 ms


def resting(judge: SandboxJudge) -> set[int]:
    """The processes of a judge with nothing to do."""
    assert verdict(judge, SUM) is Verdict.AC
    time.sleep(0.1)
    return set(descendants(os.getpid()))


def cpu_ticks(processes: set[int]) -> int:
    stats = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2] for pid in processes]
    return sum(int(number) for stat in stats for number in stat.split()[11:13])


@pytest.mark.parametrize("text", ["nan", "-nan", "NaN", "inf", "-inf", "Infinity", "1e999", "3j"])
def test_what_is_no_number_equals_no_number(judge: SandboxJudge, text: str) -> None:
    for expected in ("3\n", "3.0\n"):
        test = Test(input="", outputs=(expected,))
        assert verdict(judge, f"print({text!r})", test) is Verdict.WA


def test_a_silent_exit_is_an_error_and_not_memory(judge: SandboxJudge) -> None:
    assert verdict(judge, "raise SystemExit(1)") is Verdict.RE
    assert verdict(judge, "import os\nos._exit(1)") is Verdict.RE


def test_text_beyond_ascii_is_read(judge: SandboxJudge) -> None:
    test = Test(input="żółw 龜 🐢\n", outputs=("🐢 龜 żółw\n",))
    assert verdict(judge, "print(*reversed(input().split()))", test) is Verdict.AC


def test_what_was_printed_before_an_error_is_kept(judge: SandboxJudge) -> None:
    for error in ("1 // 0", "raise SystemExit(1)", "raise SystemExit('no')"):
        got = shown(judge, f"print('before')\n{error}")
        assert (got.stdout_excerpt, got.exit_code) == ("before\n", 1)


def test_input_comes_as_it_is(judge: SandboxJudge) -> None:
    program = "import sys\nprint(ascii(input()), ascii(sys.stdin.read()))"
    test = Test(input="a\r\nb\rc\n", outputs=(r"'a\r' 'b\rc\n'",))
    assert verdict(judge, program, test) is Verdict.AC
    program = "import io, os, sys\nos.pwrite(1, b'\\xff\\xfe', 0)\nos.lseek(1, 0, 0)\n"
    program += "text = open(1, errors='surrogateescape', closefd=False).read()\n"
    program += "os.ftruncate(1, 0)\nos.lseek(1, 0, 0)\nprint(sys.stdin.errors, len(text))"
    assert shown(judge, program).stdout_excerpt == "surrogateescape 2\n"


def test_large_output_is_whole(judge: SandboxJudge) -> None:
    for num_bytes in (196_609, 400_000, 4_000_000):
        program = f"print('7' * {num_bytes})"
        test = Test(input="", outputs=("7" * num_bytes,))
        got = ask(judge, program, test)
        assert got.verdict is Verdict.AC
        assert got.results[0].stdout_bytes == num_bytes + 1


def test_memory_is_told_from_other_errors(judge: SandboxJudge) -> None:
    assert verdict(judge, "x = bytearray(b'1') * (200 << 20)\nprint(3)") is Verdict.MLE


def test_not_one_process_can_be_forked(judge: SandboxJudge) -> None:
    program = """
import os
num_forked = 0
for _ in range(30):
    try:
        if os.fork() == 0:
            os._exit(0)
        num_forked += 1
    except OSError:
        pass
print(num_forked)
"""
    assert shown(judge, program).stdout_excerpt == "0\n"


def test_files_of_the_host_are_closed(judge: SandboxJudge, tmp_path: Path) -> None:
    tests_file = tmp_path / "tests.json"
    tests_file.write_text("secret", encoding="utf-8")
    tests_file.chmod(0o644)
    for path in ("/etc/passwd", "/etc/hostname", str(tests_file), __file__):
        assert verdict(judge, f"print(open({path!r}).read())") is Verdict.RE


def test_the_judge_itself_cannot_be_read(judge: SandboxJudge) -> None:
    program = """
import os
for pid in {1, os.getpid(), os.getppid(), *range(2, 200)}:
    for name in ("cmdline", "environ", "maps", "mem", "stack", "fd", "task", "cwd", "root"):
        path = f"/proc/{pid}/{name}"
        try:
            print(path, os.listdir(path) if os.path.isdir(path) else open(path, "rb").read(1))
        except OSError:
            pass
print("end")
"""
    assert shown(judge, program).stdout_excerpt == "end\n"


def test_no_file_is_there_for_the_next_run(judge: SandboxJudge) -> None:
    program = """
import os
folders = [".", "/box", "/tmp", "/var/tmp", "/dev/shm", "/dev", "/run", os.path.expanduser("~")]
for folder in folders:
    try:
        open(folder + "/mapcoder-hostile-note", "x").write("x")
        print(folder)
    except FileExistsError:
        print("found", folder)
    except OSError:
        pass
print("end")
"""
    for _ in range(2):
        assert shown(judge, program).stdout_excerpt == "end\n"


def test_a_service_of_this_machine_cannot_be_reached(judge: SandboxJudge) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        port = server.getsockname()[1]
        program = f"import socket\nsocket.create_connection(('127.0.0.1', {port}), 1)\nprint(3)"
        assert verdict(judge, program) is Verdict.RE
        with pytest.raises(TimeoutError):
            server.accept()


def test_no_daemon_survives(judge: SandboxJudge) -> None:
    before = resting(judge)
    program = """
import os, time
try:
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            time.sleep(60)
except OSError as error:
    print("refused")
"""
    assert shown(judge, program).stdout_excerpt == "refused\n"
    assert settles(lambda: set(descendants(os.getpid())) <= before)


@pytest.mark.slow
@pytest.mark.parametrize("file", ["ac-honest.java", "ac-honest.js", "ac-honest.cs"])
def test_machines_that_reserve_much_memory_run_in_little(judge: SandboxJudge, file: str) -> None:
    path = PROGRAMS / file
    limits = Limits(cpu_seconds=5.0, memory_bytes=64 << 20)
    program, language = path.read_text(encoding="utf-8"), language_of(path)
    try:
        got = ask(judge, program, language=language, limits=limits)
    except SandboxError as error:
        pytest.skip(str(error))
    if got.verdict is Verdict.IE:
        pytest.skip(got.compilation.log)
    assert got.verdict is Verdict.AC, got.first_failure
