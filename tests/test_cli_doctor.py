"""`mapcoder doctor`: what it finds, what it says of what is missing, how it ends."""

import json
from pathlib import Path

import pytest

from mapcoder_lite.cli import listeners
from mapcoder_lite.cli.doctor import (
    Findings,
    LanguageFinding,
    as_json,
    as_text,
    languages_to_examine,
)
from mapcoder_lite.judge.calibration import Calibration, Timing
from mapcoder_lite.judge.languages import TOOLCHAINS, missing_tools
from mapcoder_lite.judge.selftest import SelftestReport, SelftestRow
from mapcoder_lite.judge.versions import is_version, version_line
from mapcoder_lite.problem import Language
from mapcoder_lite.verdict import Isolation, Verdict
from test_cli_main import mapcoder

HERE = [language for language, row in TOOLCHAINS.items() if row.tools and not missing_tools(row)]


def test_the_doctor_examines_the_judge(tmp_path: Path):
    done = mapcoder(tmp_path, "doctor", "--language", "python", "--json", "-s", "judge.workers=1")
    found = json.loads(done.stdout)
    assert done.code == (0 if found["is_trusted"] else 5)
    assert found["is_trusted"], [row for row in found["selftest"] if not row["is_right"]]
    assert found["isolation"]["tier"] in {"bubblewrap", "landlock"}
    assert "OPEN" not in found["isolation"]["canary"]
    assert found["versions"]["mapcoder-lite"]
    (python,) = found["languages"]
    assert python["is_present"] and python["version"].startswith("Python 3.")
    assert python["num_verdicts"] == len(found["selftest"]) >= 17
    assert python["num_wrong"] == 0
    calibration = found["calibration"]
    assert len(calibration["kernels"]) == 3
    assert all(kernel["cpu_ms"] > 1 for kernel in calibration["kernels"])
    assert found["speed_factor"] == calibration["measured_factor"] >= 1


def findings(*rows: SelftestRow) -> Findings:
    return Findings(
        installed={"python": "3"},
        has_pocket_weights=False,
        isolation=Isolation(tier="landlock", landlock_abi=4, canary="read=EACCES"),
        calibration=Calibration((Timing("arithmetic", 30.0, 1.5),)),
        speed_factor=2.0,
        languages=(
            LanguageFinding(Language.C, "gcc 12", (), ("gcc",)),
            LanguageFinding(Language.PHP, "", ("php",), ("php-cli",)),
        ),
        selftest=SelftestReport(rows),
    )


def test_the_same_in_words():
    right = SelftestRow(Language.C, "as asked", Verdict.WA, Verdict.WA)
    text = as_text(findings(right))
    assert "isolation       landlock (Landlock ABI 4)\nescape canary   read=EACCES" in text
    assert "1.50 times the reference's CPU time" in text
    assert "limits are multiplied by 2" in text
    assert "c           1/1         gcc 12" in text
    assert "php         -           missing php: apt-get install php-cli" in text
    assert text.endswith("the judge is trusted with c; missing, not examined: php")


def test_python_is_always_examined():
    assert languages_to_examine(["php"]) == (Language.PYTHON, Language.PHP)
    assert languages_to_examine(["python"]) == (Language.PYTHON,)
    assert languages_to_examine(None) == tuple(Language)


def test_a_judge_whose_verdict_is_wrong_ends_in_5(tmp_path: Path):
    # a thousandth of each limit: honest programs are cut short
    short = ("--language", "python", "-s", "judge.workers=1", "-s", "judge.speed_factor=0.001")
    done = mapcoder(tmp_path, "doctor", *short)
    assert done.code == 5
    assert "the judge is NOT trusted; no accuracy is printed from it:" in done.stdout
    assert "TLE, expected AC" in done.stdout


def test_what_was_judged_wrong_is_listed():
    text = as_text(findings(SelftestRow(Language.C, "crash", Verdict.RE, Verdict.AC)))
    assert "c           0/1         gcc 12" in text
    assert text.endswith("no accuracy is printed from it:\n  c crash: AC, expected RE")
    assert json.loads(as_json(findings()))["is_trusted"] is False


def test_an_unknown_language_is_a_usage_error(tmp_path: Path):
    done = mapcoder(tmp_path, "doctor", "--language", "cobol")
    assert done.code == 2
    assert "no such language; known are python, c, cpp" in done.stderr


def test_what_is_missing_comes_with_the_command_that_brings_it():
    found = LanguageFinding(Language.GO, "", ("go",), TOOLCHAINS[Language.GO].packages)
    assert found.remedy == "apt-get install golang-go"
    assert LanguageFinding(Language.GO, "go 1", (), ("golang-go",)).remedy == ""


@pytest.mark.parametrize("language", HERE)
def test_a_tool_that_is_here_says_its_version(language: Language):
    line = version_line(TOOLCHAINS[language])
    assert is_version(line)
    assert "does not say" not in line and "unknown" not in line


def test_a_warning_is_no_version():
    assert not is_version("OpenJDK 64-Bit Server VM warning: deprecated in JDK 13")
    assert not is_version("usage: tool")
    assert is_version("go version go1.19.8 linux/amd64")


def test_a_service_of_ours_is_found_on_any_port(tmp_path: Path):
    head = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt uid\n"
    row = "   0: {}:{} 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 {} 1 0\n"
    rows = [("0100007F", "1E79", 41), ("00000000", "1E7A", 42), ("0100007F", "1E7B", 43)]
    table = tmp_path / "net" / "tcp"
    table.parent.mkdir()
    table.write_text(head + "".join(row.format(*one) for one in rows))
    commands = [
        ["/usr/bin/python", "/opt/bin/mapcoder", "serve", "--port", "7801"],
        ["python", "-m", "mapcoder_lite", "listen", "--port", "7802"],
        ["less", "mapcoder", "serve.log"],
    ]
    for number, words in enumerate(commands, start=41):
        (tmp_path / f"{number}" / "fd").mkdir(parents=True)
        (tmp_path / f"{number}" / "cmdline").write_text("\0".join(words) + "\0")
        (tmp_path / f"{number}" / "fd" / "3").symlink_to(f"socket:[{number}]")
    found = listeners.listeners(tmp_path)
    assert found is not None
    assert [one.text for one in found] == [
        "127.0.0.1 port 7801, `mapcoder serve`: this machine alone",
        "0.0.0.0 port 7802, `mapcoder listen`: OTHER MACHINES can reach it",
    ]


def test_what_listens_is_read_from_the_kernels_table():
    head = "  sl  local_address rem_address   st tx_queue rx_queue\n"
    rows = [
        "   0: 0100007F:1E6C 00000000:0000 0A 00000000:00000000",
        "   1: 00000000:273B 00000000:0000 0A 00000000:00000000",
        "   2: 0100007F:1E6C 0100007F:A000 01 00000000:00000000",
        "   3: 00000000000000000000000001000000:1E6C 0:0 0A 0:0",
    ]
    found = list(listeners.read(head + "\n".join(rows)))
    assert [(one.address, one.port) for one in found] == [
        ("127.0.0.1", 7788),
        ("0.0.0.0", 10043),
        ("::1", 7788),
    ]
    assert "this machine alone" in found[0].text
    assert "OTHER MACHINES" in found[1].text
