"""Checkers: what each calls equal, on hand-made cases and as properties."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from mapcoder_lite.errors import InputError
from mapcoder_lite.judge.checker import check
from mapcoder_lite.judge.inside.wire import REQUEST
from mapcoder_lite.judge.languages import toolchain_of
from mapcoder_lite.judge.outcome import limits_of_run, patient
from mapcoder_lite.problem import Checker, CheckerKind, Language, Limits

TEXT_KINDS = [
    CheckerKind.TOKENS,
    CheckerKind.EXACT,
    CheckerKind.LINES,
    CheckerKind.SORTED,
    CheckerKind.UNORDERED,
    CheckerKind.EXECEVAL,
]


def accepts(kind: str, output: str, *accepted: str, **fields: object) -> bool:
    checker = Checker.model_validate({"kind": kind, **fields})
    return check(checker, output.encode(), accepted) is None


@pytest.mark.parametrize(
    ("kind", "output", "expected", "is_equal"),
    [
        ("tokens", "1 2\n3", "1\n2 3\n", True),
        ("tokens", "1 2", "1 2 3", False),
        ("tokens", "1 2 3", "1 2", False),
        ("tokens", "01", "1", False),
        ("tokens", "110", "0110", False),
        ("tokens", "1.0", "1", False),
        ("tokens", "0.5000001", "0.5", True),
        ("tokens", "0.50001", "0.5", False),
        ("tokens", "5e-1", "0.5", True),
        ("tokens", "1000000.5", "1000000.0", True),  # within 1e-6 relative
        ("tokens", "nan", "0.5", False),
        ("tokens", "inf", "0.5", False),
        ("tokens", "0x1", "1.0", False),
        ("tokens", "1_0.0", "10.0", False),
        ("tokens", "9007199254740993", "9007199254740992", False),
        ("tokens", "Yes", "YES", False),
        ("tokens", "", "", True),
        ("tokens", "x", "", False),
        ("exact", "a \n", "a\n", False),
        ("exact", "a\n", "a\n", True),
        ("lines", "a \nb\n\n", "a\nb", True),
        ("lines", "a  b", "a b", False),
        ("lines", "\na", "a", False),
        ("lines", "a\r\nb\r\n", "a\nb\n", True),
        ("floats", "1.0000001 2", "1 2", True),
        ("floats", "nan", "nan", False),
        ("floats", "nan", "1", False),
        ("floats", "inf", "inf", True),
        ("floats", "-inf", "inf", False),
        ("floats", "1e999", "inf", False),
        ("floats", "inf", "1e400", False),
        ("floats", "-Infinity", "-inf", True),
        ("floats", "1e400", "1e400", True),
        ("floats", "1e401", "1e400", False),
        ("tokens", "inf", "1e400", False),
        ("tokens", "1e400", "1e400", True),
        ("floats", "1e308", "inf", False),
        ("floats", "inf", "1e308", False),
        ("sorted", "b a\nc", "c\nb a", True),
        ("sorted", "a b\nc", "c\nb a", False),
        ("sorted", "a\na\nb", "a\nb\nb", False),
        ("unordered", "3 1\n2", "1 2 3", True),
        ("unordered", "1 1 2", "1 2 2", False),
    ],
)
def test_rule(kind: str, output: str, expected: str, is_equal: bool) -> None:
    assert accepts(kind, output, expected) is is_equal


def test_any_accepted_output_suffices() -> None:
    assert accepts("tokens", "b", "a", "b")
    assert not accepts("tokens", "c", "a", "b")


def test_yes_and_no_in_any_case_only_when_asked() -> None:
    assert accepts("tokens", "Yes", "YES", ignore_case=True)
    assert not accepts("tokens", "abc", "ABC", ignore_case=True)


def test_a_tolerance_given_alone_stands_alone() -> None:
    assert accepts("tokens", "100.5", "100.0", absolute_tolerance=0.5)
    assert not accepts("tokens", "1000001.0", "1000000.0", absolute_tolerance=0.5)
    assert accepts("tokens", "1000001.0", "1000000.0", relative_tolerance=1e-6)
    assert not accepts("tokens", "0.001", "0.0", relative_tolerance=0.1)


@pytest.mark.parametrize("tolerance", [float("nan"), float("inf"), -1e-9])
@pytest.mark.parametrize("name", ["absolute_tolerance", "relative_tolerance"])
def test_a_tolerance_is_a_finite_number_from_nought(name: str, tolerance: float) -> None:
    with pytest.raises(ValidationError, match=name):
        Checker.model_validate({"kind": "floats", name: tolerance})
    assert accepts("floats", "1", "1", **{name: 0.0})


@pytest.mark.parametrize("kind", CheckerKind)
@pytest.mark.parametrize(
    ("fields", "kinds"),
    [
        ({"absolute_tolerance": 0.0}, "tokens floats"),
        ({"relative_tolerance": 0.1}, "tokens floats"),
        ({"ignore_case": True}, "tokens lines floats sorted unordered"),
        ({"program": ""}, "custom"),
        ({"protocol": "kattis"}, "custom"),
        ({"language": "cpp"}, "custom"),
    ],
)
def test_a_setting_that_a_kind_ignores_is_refused(
    kind: CheckerKind, fields: dict[str, object], kinds: str
) -> None:
    if kind.value in kinds.split():
        assert Checker.model_validate({"kind": kind, **fields}).kind is kind
        return
    (name,) = fields
    with pytest.raises(ValidationError, match=f"checker '{kind.value}' does not look at {name}"):
        Checker.model_validate({"kind": kind, **fields})


def test_what_a_checker_was_written_as_is_read_again() -> None:
    for kind in CheckerKind:
        checker = Checker(kind=kind)
        assert Checker.model_validate_json(checker.model_dump_json()) == checker


@pytest.mark.parametrize(
    "fields",
    [
        {"cpu_seconds": 1e7},
        {"cpu_seconds": float("inf")},
        {"cpu_seconds": float("nan")},
        {"memory_bytes": 2**40 + 1},
        {"output_bytes": 2**30 + 1},
    ],
)
def test_limits_have_limits(fields: dict[str, float]) -> None:
    (name,) = fields
    with pytest.raises(ValidationError, match=name):
        Limits.model_validate(fields)


@pytest.mark.parametrize("language", Language)
def test_the_widest_limits_reach_the_kernel(language: Language) -> None:
    widest = Limits(cpu_seconds=3600, memory_bytes=2**40, output_bytes=2**30)
    run = limits_of_run(widest, 8.0, toolchain_of(language), is_execeval=False)
    run = patient(run)
    times = run.cpu_ms, run.wall_ms, run.stall_ms
    sizes = run.address_space_bytes, run.data_bytes, run.stack_bytes, run.output_bytes
    assert REQUEST.unpack(REQUEST.pack(*times, 0, *sizes))[:3] == times


def test_reason_names_token_and_line() -> None:
    mismatch = check(Checker(), b"1 2\n3 5\n", ("1 2\n3 4\n",))
    assert mismatch is not None
    assert mismatch.reason == "token 4 (line 2): expected '4', got '5'"


def test_a_checker_program_is_refused() -> None:
    with pytest.raises(InputError, match="custom"):
        check(Checker(kind=CheckerKind.CUSTOM), b"", ("",))


@settings(deadline=None)  # a busy machine is no fault of a checker
@given(st.text(st.characters(codec="utf-8")), st.sampled_from(TEXT_KINDS))
def test_every_output_is_accepted_against_itself(text: str, kind: CheckerKind) -> None:
    assert check(Checker(kind=kind), text.encode(), (text,)) is None


@settings(deadline=None)  # a busy machine is no fault of a checker
@given(st.lists(st.integers().map(str), min_size=1), st.data())
def test_a_dropped_or_changed_integer_is_seen(tokens: list[str], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(tokens) - 1))
    dropped = [*tokens[:at], *tokens[at + 1 :]]
    changed = [*tokens[:at], str(int(tokens[at]) + 1), *tokens[at + 1 :]]
    for kind in TEXT_KINDS[:-1]:  # execeval rounds long integers
        expected = "\n".join(tokens)
        assert not accepts(kind, "\n".join(changed), expected)
        assert not accepts(kind, "\n".join(dropped), expected)


@settings(deadline=None)  # a busy machine is no fault of a checker
@given(st.floats(allow_nan=True, allow_infinity=True))
def test_nan_equals_nothing(value: float) -> None:
    assert not accepts("floats", "nan", repr(value))
    assert not accepts("floats", repr(value), "nan")


@settings(deadline=None)  # a busy machine is no fault of a checker
@given(st.floats(allow_nan=False, allow_infinity=False))
def test_infinity_equals_no_finite_number(value: float) -> None:
    for kind in ("tokens", "floats"):
        assert not accepts(kind, "inf", repr(value))
        assert not accepts(kind, "-inf", repr(value))


def test_comparison_is_linear() -> None:
    text = "12345 0.25\n" * 50_000

    def seconds(size: int) -> float:
        part = text[: len(text) // 4 * size]
        started = time.process_time()
        assert accepts("tokens", part, part)
        return time.process_time() - started

    assert seconds(4) < 20 * seconds(1) + 0.5
