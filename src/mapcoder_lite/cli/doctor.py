"""`mapcoder doctor`: what is here, and can the judge be trusted.

Knows: versions, languages and what brings them, isolation, the self-test, speed, what listens.
Does not know: how the judge works.
"""

import platform
import sys
from dataclasses import dataclass
from importlib import metadata
from typing import TYPE_CHECKING, Annotated

import typer

from mapcoder_lite.cli import options, terminal
from mapcoder_lite.cli.listeners import Listener, listeners

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from mapcoder_lite.config import Config
    from mapcoder_lite.judge.calibration import Calibration
    from mapcoder_lite.judge.judge import SandboxJudge
    from mapcoder_lite.judge.selftest import SelftestReport
    from mapcoder_lite.problem import Language
    from mapcoder_lite.verdict import Isolation

EXTRAS = ("torch", "transformers", "peft", "openai", "fastapi", "trl", "statsmodels")


@dataclass(frozen=True, slots=True)
class LanguageFinding:
    """One language on this machine."""

    language: "Language"
    version: str
    missing: tuple[str, ...]
    """Tools that are not here."""
    packages: tuple[str, ...]
    """Debian packages that bring it."""

    @property
    def remedy(self) -> str:
        """The command that brings it; empty when it is here."""
        return f"apt-get install {' '.join(self.packages)}" if self.missing else ""


@dataclass(frozen=True, slots=True)
class Findings:
    """All that the doctor found."""

    installed: dict[str, str]
    has_pocket_weights: bool
    isolation: "Isolation"
    calibration: "Calibration"
    speed_factor: float
    """The one in use."""
    languages: tuple[LanguageFinding, ...]
    selftest: "SelftestReport"
    listeners: tuple[Listener, ...] | None = None
    """None: the system does not tell."""


def doctor(
    language: Annotated[
        list[str] | None,
        typer.Option("--language", help="Examine this language and Python; may be repeated."),
    ] = None,
    config: options.Files = None,
    overrides: options.Overrides = None,
    json: options.Json = False,
) -> None:
    """Examine the judge: its isolation, its verdicts in every language that is here, its speed.

    Python is always examined. Exit code 0 = every verdict was right, 5 = one was not. A language
    that is missing here is no fault: the last line says which were not examined.

    Example: mapcoder doctor --language cpp
    """
    settings = options.resolve(config, overrides)
    wanted = languages_to_examine(language)
    terminal.say("the judge is being examined")
    with terminal.waiting("the judge is being examined"):
        found = _examine(settings, wanted)
    terminal.result(as_json(found) if json else as_text(found))
    sys.exit(0 if found.selftest.is_trusted else 5)


def languages_to_examine(names: list[str] | None) -> "tuple[Language, ...]":
    """Return the languages named, Python among them, for the judge stands on it; else all.

    Raises:
        ConfigError: a name is no language's.
    """
    from mapcoder_lite.errors import ConfigError
    from mapcoder_lite.problem import Language

    known = [language.value for language in Language]
    for name in names or ():
        if name not in known:
            raise ConfigError(f"--language {name}: no such language; known are {', '.join(known)}")
    wanted = known if names is None else (Language.PYTHON, *names)
    return tuple(language for language in Language if language in wanted)


def _examine(settings: "Config", wanted: "Sequence[Language]") -> Findings:
    from mapcoder_lite.cli import engines
    from mapcoder_lite.judge.pool import num_cores
    from mapcoder_lite.judge.selftest import present_languages, run_selftest

    present = [language for language in present_languages() if language in wanted]
    tier = None if settings.judge.tier == "auto" else settings.judge.tier
    calibration = engines.measured_speed(tier, settings.judge.unsafe)
    with engines.opened_judge(settings) as judge:
        count = settings.judge.workers or num_cores()
        examined = run_selftest(judge, present, num_threads=count)
        found = _language_findings(judge, wanted)
        isolation = judge.isolation
    factor = settings.judge.speed_factor
    return Findings(
        _installed(),
        engines.has_pocket_weights(),
        isolation,
        calibration,
        calibration.speed_factor if factor == "auto" else factor,
        found,
        examined,
        listeners(),
    )


def _language_findings(
    judge: "SandboxJudge", wanted: "Iterable[Language]"
) -> tuple[LanguageFinding, ...]:
    from concurrent.futures import ThreadPoolExecutor

    from mapcoder_lite.judge.languages import missing_tools, toolchain_of
    from mapcoder_lite.judge.versions import version_line
    from mapcoder_lite.problem import Language

    def find(language: "Language") -> LanguageFinding:
        row = toolchain_of(language)
        missing = missing_tools(row)
        version = "" if missing else version_line(row)
        if language is Language.PYTHON:
            version = _python_inside(judge)
        return LanguageFinding(language, version, missing, row.packages)

    with ThreadPoolExecutor() as threads:
        return tuple(threads.map(find, wanted))


def _python_inside(judge: "SandboxJudge") -> str:
    """Ask the sandbox's own Python, which need not be the one that runs this."""
    from mapcoder_lite.problem import Checker, Language, Limits, Test

    program = "import sys\nprint('Python', sys.version.split()[0], sys.executable)"
    tests = (Test(input="", outputs=("",)),)
    judgement = judge.judge(
        program, Language.PYTHON, tests, limits=Limits(cpu_seconds=10.0), checker=Checker()
    )
    return " ".join(run.stdout_excerpt.strip() for run in judgement.results) or "does not start"


def _installed() -> dict[str, str]:
    from mapcoder_lite import __version__

    return {
        "mapcoder-lite": __version__,
        "python": platform.python_version(),
        **{name: _version(name) for name in EXTRAS},
    }


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"


def as_text(found: Findings) -> str:
    """Return what was found, for people."""
    pocket = "here" if found.has_pocket_weights else "missing: make pocket"
    listening = "unknown here" if found.listeners is None else "nothing of ours"
    isolation, examined = found.isolation, found.selftest
    num_right = len(examined.rows) - len(examined.wrong_rows)
    facts = {
        **found.installed,
        "platform": platform.platform(),
        "pocket weights": pocket,
        "isolation": f"{isolation.tier} (Landlock ABI {isolation.landlock_abi})",
        "escape canary": isolation.canary or "not run",
        "speed": _speed(found),
        "listening": "; ".join(one.text for one in found.listeners or ()) or listening,
        "self-test": f"{num_right} of {len(examined.rows)} verdicts right",
    }
    lines = [f"{name:16}{fact}" for name, fact in facts.items()]
    lines += ["", f"{'language':12}{'self-test':12}toolchain"]
    lines += [_language_line(row, examined) for row in found.languages]
    if examined.is_trusted:
        return "\n".join([*lines, "", _trusted(found)])
    wrong = [f"  {row.text}" for row in examined.wrong_rows] or ["  no program was judged"]
    lines += ["", "the judge is NOT trusted; no accuracy is printed from it:", *wrong]
    return "\n".join(lines)


def _trusted(found: Findings) -> str:
    """Return the good word, which holds for what was examined."""
    missing = [row.language.value for row in found.languages if row.missing]
    if not missing:
        return "the judge is trusted"
    here = [row.language.value for row in found.languages if not row.missing]
    return (
        f"the judge is trusted with {', '.join(here)}; missing, not examined: {', '.join(missing)}"
    )


def _language_line(row: LanguageFinding, examined: "SelftestReport") -> str:
    if row.missing:
        share, text = "-", f"missing {', '.join(row.missing)}: {row.remedy}"
    else:
        own = examined.of(row.language)
        share, text = f"{len(own.rows) - len(own.wrong_rows)}/{len(own.rows)}", row.version
    return f"{row.language.value:12}{share:12}{text}"


def _speed(found: Findings) -> str:
    kernels = ", ".join(f"{t.name} {t.slowness:.2f}" for t in found.calibration.timings)
    slowness = f"{found.calibration.slowness:.2f} times the reference's CPU time ({kernels})"
    return f"{slowness}: limits are multiplied by {found.speed_factor:g}"


def as_json(found: Findings) -> str:
    """Return all that was found, every verdict of the self-test included."""
    from json import dumps

    calibration = found.calibration
    dumped = {
        "versions": found.installed,
        "platform": platform.platform(),
        "pocket_weights": found.has_pocket_weights,
        "isolation": found.isolation.model_dump(mode="json"),
        "calibration": {
            "kernels": [
                {"name": t.name, "cpu_ms": t.cpu_ms, "slowness": t.slowness}
                for t in calibration.timings
            ],
            "slowness": calibration.slowness,
            "measured_factor": calibration.speed_factor,
        },
        "speed_factor": found.speed_factor,
        "languages": [
            {
                "language": row.language.value,
                "is_present": not row.missing,
                "version": row.version,
                "missing": row.missing,
                "packages": row.packages,
                "remedy": row.remedy,
                "num_verdicts": len(found.selftest.of(row.language).rows),
                "num_wrong": len(found.selftest.of(row.language).wrong_rows),
            }
            for row in found.languages
        ],
        "selftest": [
            {
                "language": row.language.value,
                "name": row.name,
                "expected": row.expected.value,
                "got": row.got.value,
                "is_right": row.is_right,
                "reason": row.reason,
            }
            for row in found.selftest.rows
        ],
        "is_trusted": found.selftest.is_trusted,
        "listening": None if found.listeners is None else [one.text for one in found.listeners],
    }
    return dumps(dumped, indent=2)
