"""Which rows stay: fairly chosen, the same every time."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from mapcoder_lite.curation.selection import (
    balanced,
    is_validation,
    without_copies,
    without_near_copies,
)
from mapcoder_lite.example import Example, Provenance, RowTokens
from mapcoder_lite.trajectory import CallKind, Message

KINDS = (CallKind.PLAN, CallKind.CONFIDENCE, CallKind.CODING)


def row(
    problem: str, sample: int = 0, kind: CallKind = CallKind.CODING, text: str = "a"
) -> Example:
    return Example(
        prompt=(Message(role="user", content=f"Solve {problem}."),),
        completion=(Message(role="assistant", content=text),),
        role=kind.role,
        kind=kind,
        provenance=Provenance(
            run="r", problem_id=problem, sample=sample, call_index=0, model="m", kept_by="test"
        ),
        tokens=RowTokens(prompt=1, completion=1, counted_by="m"),
    )


ROWS = st.lists(
    st.builds(
        row,
        st.sampled_from(["p0", "p1"]),
        st.integers(0, 3),
        st.sampled_from(KINDS),
        st.sampled_from(["a", "b"]),
    ),
    max_size=40,
)


@given(rows=ROWS, most=st.integers(1, 6))
def test_the_cap_is_met_and_nothing_more_is_lost(rows, most):
    kept = balanced(rows, most)
    before, after = (Counter((r.provenance.problem_id, r.role) for r in s) for s in (rows, kept))
    assert after == {group: min(count, most) for group, count in before.items()}
    assert balanced(kept, most) == kept


@given(rows=ROWS, most=st.integers(1, 6))
def test_attempts_and_kinds_give_rows_in_turn(rows, most):
    kept = balanced(rows, most)
    turns = Counter((r.provenance.problem_id, r.role, r.provenance.sample, r.kind) for r in kept)
    whole = Counter((r.provenance.problem_id, r.role, r.provenance.sample, r.kind) for r in rows)
    for one, other in ((a, b) for a in whole for b in whole if a[:2] == b[:2]):
        # Who has two rows more than another that still had some to give took them out of turn.
        assert turns[one] <= turns[other] + 1 or turns[other] == whole[other]


def test_equal_rows_are_left_out_and_near_ones_of_the_same_kind():
    long = " ".join(f"step{n}" for n in range(200))
    rows = [
        row("p0", text=long),
        row("p0", text=long),
        row("p0", 1, text=long + " done"),
        row("p0", 2, kind=CallKind.PLAN, text=long),
        row("p1", text="something else"),
    ]
    distinct = list(without_copies(rows))
    assert distinct == [rows[0], rows[2], rows[4]]
    unlike = without_near_copies([rows[0], *rows[2:]], 0.9)
    assert unlike == [rows[0], rows[3], rows[4]]
    assert without_near_copies(rows, 1.0) == rows


def test_the_split_is_by_problem_and_near_its_share():
    chosen = [is_validation(f"p{n}", 0.1, 0) for n in range(5000)]
    assert 400 < sum(chosen) < 600
    assert chosen == [is_validation(f"p{n}", 0.1, 0) for n in range(5000)]
    assert chosen != [is_validation(f"p{n}", 0.1, 1) for n in range(5000)]
    assert not any(is_validation(f"p{n}", 0.0, 0) for n in range(100))
