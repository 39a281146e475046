"""`mapcoder doctor`: what is here, and can the judge be trusted.

Knows: versions, the judge's self-test, the pocket weights.
Does not know: how the judge works.
"""

import platform
import sys
from importlib import metadata

from mapcoder_lite.cli import options, terminal

EXTRAS = ("torch", "transformers", "peft", "openai", "trl", "statsmodels")


def doctor(
    config: options.Files = None, overrides: options.Overrides = None, json: options.Json = False
) -> None:
    """Examine the judge, its isolation and what is installed.

    Exit code 0 = the judge is trusted, 5 = it is not.

    Example: mapcoder doctor
    """
    from mapcoder_lite import __version__
    from mapcoder_lite.cli import engines

    settings = options.resolve(config, overrides)
    versions = {
        "mapcoder-lite": __version__,
        "python": platform.python_version(),
        **{name: _version(name) for name in EXTRAS},
    }
    pocket = "here" if engines.has_pocket_weights() else "missing: make pocket"
    terminal.say("the judge is being examined")
    with engines.opened_judge(settings) as judge:
        examined = judge.selftest()
        isolation = judge.isolation
    rows = [
        (row.name, "/".join(row.expected), row.got.value, row.is_right) for row in examined.rows
    ]
    num_right = sum(right for *_, right in rows)
    if json:
        from json import dumps

        dumped = {
            "versions": versions,
            "platform": platform.platform(),
            "pocket_weights": engines.has_pocket_weights(),
            "isolation": isolation.model_dump(mode="json"),
            "selftest": [
                {"name": name, "expected": expected, "got": got, "is_right": right}
                for name, expected, got, right in rows
            ],
            "is_trusted": examined.is_trusted,
        }
        terminal.result(dumps(dumped, indent=2))
        sys.exit(0 if examined.is_trusted else 5)
    lines = [f"{name:16}{version}" for name, version in versions.items()]
    lines += [f"{'platform':16}{platform.platform()}", f"{'pocket weights':16}{pocket}"]
    lines.append(f"{'isolation':16}{isolation.tier} (Landlock ABI {isolation.landlock_abi})")
    lines += [
        f"  {name:28}{got:5}expected {expected}" for name, expected, got, right in rows if not right
    ]
    lines.append(f"{'self-test':16}{num_right}/{len(rows)} verdicts right")
    terminal.result("\n".join(lines))
    sys.exit(0 if examined.is_trusted else 5)


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"
