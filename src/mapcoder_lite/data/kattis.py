"""Problem packages of Kattis and the ICPC: legacy, 2023-07 and 2025-09.

All have `problem.yaml`, `data/sample` and `data/secret` with `.in` and `.ans`. Legacy: the text in
`problem_statement/`, `validation: default` or `custom`, validators in `output_validators/`, the
time limit in `.timelimit` or in DOMjudge's `domjudge-problem.ini`. Later: `statement/`, `type`,
`output_validator/`, `limits.time_limit` in seconds. Memory and output limits are in MiB, 2048 and 8
unless said. The default validator compares tokens; `float_tolerance` and its kin, `case_sensitive`
and `space_change_sensitive` change that. It ignores the case of every letter, our checker that of
yes, no, true and false only.

Sources: spec/legacy.md, spec/2023-07-draft.md and spec/2025-09.md of Kattis/problem-package-format.

Knows: where a package keeps what, validators of one source with headers.
Does not know: interactive and scoring problems, build scripts, test groups; these are refused.
"""

import re
from pathlib import Path
from typing import Any, cast  # YAML

from mapcoder_lite.data.folders import Loaded, loaded, tests_of, text_of
from mapcoder_lite.data.wording import identifier, read_wording
from mapcoder_lite.errors import ConfigError, InputError
from mapcoder_lite.problem import Checker, CheckerKind, Language, Limits, Problem, Source

MAX_YAML_BYTES = 1_000_000
MEBIBYTE = 1 << 20
MEMORY_MEBIBYTES, OUTPUT_MEBIBYTES = 2048, 8
STATEMENTS = (
    "statement/problem.en.md",
    "statement/problem.md",
    "statement/problem.en.tex",
    "statement/problem.tex",
    "problem_statement/problem.en.md",
    "problem_statement/problem.md",
    "problem_statement/problem.en.tex",
    "problem_statement/problem.tex",
)
OWN_STATEMENT = "statement.md"
VALIDATORS = ("output_validator", "output_validators")
LANGUAGES = {
    ".py": Language.PYTHON,
    ".py3": Language.PYTHON,
    ".c": Language.C,
    ".cc": Language.CPP,
    ".cpp": Language.CPP,
    ".cxx": Language.CPP,
}
HEADERS = (".h", ".hpp", ".hh")
_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*"([^"\n]+)"[^\n]*$', re.MULTILINE)
_TITLE = re.compile(r"\\problemname\{([^}]*)\}")


def is_package(folder: Path) -> bool:
    """Whether a folder holds a package."""
    return (folder / "problem.yaml").is_file()


def read_package(folder: Path) -> Loaded:
    """Return a package's problem and its secret tests.

    Raises:
        ConfigError: PyYAML is not installed.
        InputError: the package is damaged, lacks a statement, or is of a kind that is not judged.
    """
    fields = _yaml(folder / "problem.yaml", folder)
    _refuse_kinds(fields)
    statement, title = _statement(folder)
    problem = Problem(
        id=identifier(folder.resolve().name),
        title=_name(fields) or title,
        statement=statement,
        public_tests=tests_of(_inputs(folder / "data" / "sample"), ".ans", folder),
        limits=_limits(folder, _map(fields.get("limits"), "limits")),
        checker=_checker(folder, fields),
        tags=_words(fields.get("keywords")),
        source=Source(name="kattis", url=_string(fields, "source_url"), licence=_licence(fields)),
    )
    return loaded(problem, tests_of(_inputs(folder / "data" / "secret"), ".ans", folder))


def _yaml(path: Path, root: Path) -> dict[str, Any]:
    try:
        import yaml
    except ImportError as error:
        raise ConfigError(
            "problem packages need PyYAML: pip install 'mapcoder-lite[data]'"
        ) from error
    text = text_of(path, root)
    if len(text) > MAX_YAML_BYTES:
        raise InputError(f"{path} has more than {MAX_YAML_BYTES:,} characters")
    try:
        return _map(yaml.safe_load(text), str(path))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: {' '.join(str(error).split())}") from error


def _map(value: object, what: str) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InputError(f"{what}: expected keys and values")
    return {str(key): item for key, item in cast(dict[object, Any], value).items()}


def _words(value: object) -> tuple[str, ...]:
    """A list, or words in one string, as legacy has it."""
    if isinstance(value, list):
        return tuple(map(str, cast(list[object], value)))
    return tuple(str(value).split()) if value else ()


def _string(fields: dict[str, Any], key: str) -> str | None:
    value = fields.get(key)
    return str(value) if value else None


def _licence(fields: dict[str, Any]) -> str | None:
    value = _string(fields, "license")
    return None if value == "unknown" else value


def _name(fields: dict[str, Any]) -> str:
    name = fields.get("name")
    if isinstance(name, dict):
        names = {str(key): str(value) for key, value in cast(dict[object, object], name).items()}
        return names.get("en") or next(iter(names.values()), "")
    return str(name or "")


def _refuse_kinds(fields: dict[str, Any]) -> None:
    """Only programs that pass or fail on fixed inputs are judged."""
    kinds = (*_words(fields.get("type")), *_words(fields.get("validation"))[1:])
    others = [kind for kind in kinds if kind != "pass-fail"]
    if others:
        raise InputError(
            f"{', '.join(others)}: only pass-fail problems with fixed inputs are judged"
        )


def _statement(folder: Path) -> tuple[str, str]:
    """Return the text, and a title where LaTeX names one; one of your own comes first."""
    if (folder / OWN_STATEMENT).is_file():
        return read_wording(folder / OWN_STATEMENT).statement, ""
    for name in STATEMENTS:
        if (folder / name).is_file():
            text = text_of(folder / name, folder)
            title = _TITLE.search(text)
            body = _TITLE.sub("", text).strip()
            if body:
                return body, title[1].strip() if title else ""
    raise InputError(
        f"{folder} has no English statement in Markdown or LaTeX: "
        f"copy the problem's text into {folder / OWN_STATEMENT}"
    )


def _inputs(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*.in") if path.is_file())


def _limits(folder: Path, given: dict[str, Any]) -> Limits:
    seconds = given.get("time_limit") or _legacy_seconds(folder) or Limits().cpu_seconds
    try:
        return Limits(
            cpu_seconds=float(seconds),
            memory_bytes=int(float(given.get("memory") or MEMORY_MEBIBYTES) * MEBIBYTE),
            output_bytes=int(float(given.get("output") or OUTPUT_MEBIBYTES) * MEBIBYTE),
        )
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(f"limits of {folder}: {' '.join(str(error).split())}") from error


def _legacy_seconds(folder: Path) -> str | None:
    if (folder / ".timelimit").is_file():
        return text_of(folder / ".timelimit", folder).strip()
    ini = folder / "domjudge-problem.ini"
    if ini.is_file():
        found = re.search(r"^\s*timelimit\s*=\s*['\"]?([\d.]+)", text_of(ini, folder), re.MULTILINE)
        return found[1] if found else None
    return None


def _checker(folder: Path, fields: dict[str, Any]) -> Checker:
    flags = [*_words(fields.get("validator_flags")), *_group_flags(folder)]
    custom = [folder / name for name in VALIDATORS if (folder / name).is_dir()]
    if custom and _words(fields.get("validation"))[:1] != ("default",):
        if flags:
            raise InputError(f"the validator of {folder} wants {' '.join(flags)}: not passed on")
        return _custom(custom[0], folder)
    if "custom" in _words(fields.get("validation")):
        raise InputError(f"{folder} wants a validator and has none")
    return _default(flags)


def _group_flags(folder: Path) -> list[str]:
    """What later versions hand to the validator of all secret tests."""
    for name in ("test_group.yaml", "testdata.yaml"):
        for place in (folder / "data" / "secret" / name, folder / "data" / name):
            if place.is_file():
                group = _yaml(place, folder)
                value = group.get("output_validator_args") or group.get("output_validator_flags")
                return list(_words(value))
    return []


def _default(flags: list[str]) -> Checker:
    """Return the default validator's rule as one of ours."""
    rest = list(flags)
    bounds: dict[str, float] = {}
    is_exact = False
    while rest:
        match rest.pop(0):
            case "case_sensitive":
                bounds["case"] = 1
            case "space_change_sensitive":
                is_exact = True
            case "float_tolerance" | "float_absolute_tolerance" | "float_relative_tolerance" as f:
                bounds[f] = _tolerance(f, rest)
            case flag:
                raise InputError(f"validator flag {flag!r} is not known")
    if is_exact:
        return Checker(kind=CheckerKind.EXACT)
    folds_case = "case" not in bounds
    both = bounds.get("float_tolerance")
    absolute = bounds.get("float_absolute_tolerance", both)
    relative = bounds.get("float_relative_tolerance", both)
    if absolute is None and relative is None:
        return Checker(kind=CheckerKind.TOKENS, ignore_case=folds_case)
    return Checker(
        kind=CheckerKind.FLOATS,
        absolute_tolerance=absolute or 0.0,
        relative_tolerance=relative or 0.0,
        ignore_case=folds_case,
    )


def _tolerance(flag: str, rest: list[str]) -> float:
    try:
        return float(rest.pop(0))
    except (IndexError, ValueError) as error:
        raise InputError(f"validator flag {flag} wants a number") from error


def _custom(place: Path, root: Path) -> Checker:
    """Return a validator of one source, its headers written into it."""
    files = [path for path in sorted(place.rglob("*")) if path.is_file()]
    sources = [path for path in files if path.suffix in LANGUAGES]
    scripts = [path.name for path in files if path.name in ("build", "run")]
    if len(sources) != 1 or scripts:
        names = ", ".join([*scripts, *(path.name for path in sources)]) or "nothing"
        raise InputError(f"{place}: expected a validator of one source, found {names}")
    headers = {path.name: text_of(path, root) for path in files if path.suffix in HEADERS}
    program = _with_headers(text_of(sources[0], root), headers)
    language = LANGUAGES[sources[0].suffix]
    return Checker(kind=CheckerKind.CUSTOM, program=program, language=language, protocol="kattis")


def _with_headers(source: str, headers: dict[str, str]) -> str:
    """Write each header in place of its first inclusion, also into other headers."""
    left = dict(headers)

    def written(found: re.Match[str]) -> str:
        name = Path(found[1]).name
        if name in left:
            return _INCLUDE.sub(written, left.pop(name))
        return "" if name in headers else found[0]

    return _INCLUDE.sub(written, source)
