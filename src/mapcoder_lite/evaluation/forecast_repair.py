"""What a repair will ask for: the supervisor once a round, the student from the blamed call on.

Knows: rounds, what a supervisor reads of an attempt, what rests on a blamed call.
Does not know: how prompts are written, which attempts failed, engines.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mapcoder_lite.calls import StoredCall
from mapcoder_lite.evaluation.forecast import (
    PUBLISHED,
    SUPERVISOR,
    Demand,
    Engines,
    Forecast,
    Mean,
    Owing,
    Pace,
    Range,
    amounts,
    by_role,
    hours,
    likely,
    seen_in,
)
from mapcoder_lite.settings import PriceConfig
from mapcoder_lite.trajectory import Role
from mapcoder_lite.traversal import TraversalName

BYTES_A_TOKEN = 4
"""Of English and code, roughly, where no tokenizer has counted."""


class RepairForecast(Forecast):
    """What `repair --dry-run` prints."""

    num_failed: int
    """Failed attempts of the run that can be repaired, those that are done already too."""
    rounds: int
    """Corrections of an attempt at most."""


@dataclass(frozen=True, slots=True)
class Supervising:
    """A supervisor, as it is known before it is asked."""

    prompt_bytes: float
    """Of the prompts about the attempts that are owed, on average."""
    price: PriceConfig | None
    pace: Pace
    seen: Mean | None = None
    """What it used a call so far; None = it was not asked yet."""
    seen_bytes: float = 0.0
    """Of the prompts that it was asked so far, on average."""

    @property
    def means(self) -> list[Mean]:
        """What it uses a call: the prompts at their length, replies as so far or as published."""
        if self.seen is None:
            tokens = self.prompt_bytes / BYTES_A_TOKEN
            return [Mean(tokens, 0, mean.completion_tokens) for mean in PUBLISHED]
        longer = self.prompt_bytes / self.seen_bytes
        return [
            Mean(
                longer * self.seen.prompt_tokens,
                longer * self.seen.cached_tokens,
                self.seen.completion_tokens,
                self.seen.seconds,
            )
        ]

    def demand(self, calls: Range) -> Demand:
        """Return so many of its calls."""
        return Demand(SUPERVISOR, calls, self.means, self.price, self.pace)

    @property
    def assumptions(self) -> Iterable[str]:
        """What is taken for granted of it."""
        if self.seen is None:
            yield (
                "the supervisor's prompts: the very prompts about these attempts, "
                f"{BYTES_A_TOKEN} bytes a token; its replies: 234 to 466 tokens, the means of "
                "published runs of MapCoder"
            )
        else:
            yield (
                "the supervisor's prompts: the very prompts about these attempts, as many tokens "
                "a byte as it counted so far; its replies: as long as so far"
            )
        yield "a later round's prompt shows the corrected attempt: taken to be as long as the first"


def supervising(
    prompts: Sequence[int], calls: Iterable[StoredCall], price: PriceConfig | None, pace: Pace
) -> Supervising:
    """Return what is known from the bytes of prompts to come and from stored calls."""
    asked = [
        call
        for call in calls
        if call.request.adapter is None and call.completion.usage.prompt_tokens
    ]
    num_bytes = sum(prompts) / max(1, len(prompts))
    seen = seen_in(asked)
    if seen is None:
        return Supervising(num_bytes, price, pace)
    sizes = [sum(len(m.content.encode()) for m in call.request.messages) for call in asked]
    return Supervising(num_bytes, price, pace, seen.means[None], sum(sizes) / len(sizes))


def repair_forecast(
    owings: Sequence[Owing],
    rounds: int,
    num_failed: int,
    student: Engines,
    supervisor: Supervising,
    calls_a_unit: float | None = None,
) -> RepairForecast:
    """Multiply rounds and what rests on a blamed call by means.

    Finished attempts took `calls_a_unit` on average, of student and supervisor together.
    """
    num_owed = sum(owing.num_tested + owing.num_untested for owing in owings)
    asked = supervisor.demand(Range(low=num_owed, high=rounds * num_owed))
    demands = [*answered_anew(owings, rounds, student), asked]
    in_hours = hours(demands)
    return RepairForecast(
        **amounts(demands).model_dump(),
        num_owed=num_owed,
        likely_calls=likely(demands, num_owed, calls_a_unit),
        hours=in_hours,
        roles=by_role(demands),
        assumptions=(
            *_assumptions(owings, student, supervisor),
            *_money_and_time(student, supervisor, has_hours=in_hours is not None),
        ),
        num_failed=num_failed,
        rounds=rounds,
    )


def answered_anew(owings: Sequence[Owing], rounds: int, student: Engines) -> list[Demand]:
    """Return a student's calls in rounds of correction.

    At most retrieval is blamed in every one and everything rests on it; at least the supervisor's
    word is of no use.
    """
    return [
        student.of(role, Range(low=0, high=rounds * owing.calls(role).high), owing.turn)
        for role in Role
        for owing in owings
    ]


def _assumptions(
    owings: Sequence[Owing], student: Engines, supervisor: Supervising
) -> Iterable[str]:
    yield from blame_assumptions(owings[0])
    if student.seen is None:
        yield (
            "tokens a call of the student: 576 to 1,266 of prompts, 234 to 466 of replies, the "
            "means of published runs of MapCoder; the run has no stored calls that were counted"
        )
    else:
        yield (
            f"tokens a call of the student: the means of the run's {student.seen.num_calls:,} "
            "stored calls, by role; the feedback that is added to a prompt is not counted"
        )
    yield from supervisor.assumptions


def blame_assumptions(shape: Owing) -> Iterable[str]:
    """Say how many calls a round takes (MapCoder-Lite 2509.17489: what is upstream replays)."""
    k, t = shape.k, shape.t
    coded = k * (1 + t)
    by_blame = (
        f" by what is blamed: retrieval {1 + 2 * k + coded}, a plan {2 + coded}, a confidence "
        f"{1 + (k - 1) * (1 + t)}, a program {coded}"
    )
    is_ours = shape.traversal is TraversalName.MAPCODER
    yield (
        f"calls of the student a round, at most{by_blame if is_ours else ' those of an attempt'}; "
        "what was recorded and rests on nothing new replays; a supervisor's reply of no use takes "
        "none"
    )
    yield (
        "an unreadable reply is asked for once more, the supervisor's too, which is not counted, "
        "nor are failed tries"
    )


def _money_and_time(student: Engines, supervisor: Supervising, *, has_hours: bool) -> Iterable[str]:
    unknown = [*student.prices.unknown_roles, *([] if supervisor.price else [SUPERVISOR])]
    unknown = list(dict.fromkeys(unknown))
    if unknown:
        yield f"dollars: unknown, no price is set for {', '.join(unknown)}"
    else:
        yield "dollars: engine.price and supervisor.price, as many prompt tokens cached as so far"
    if has_hours:
        yield "hours: as slow as so far, the supervisor too; no judging"
    else:
        yield "hours: unknown until calls of student and supervisor have been timed"
