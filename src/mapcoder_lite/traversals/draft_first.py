"""A program at once; the agents only if it fails (after AdaCoder 2504.04220: plan on failure).

Knows: when the draft is enough.
Does not know: what the agents do.
"""

from mapcoder_lite.agents import coding
from mapcoder_lite.trajectory import StopReason
from mapcoder_lite.traversals import mapcoder
from mapcoder_lite.traversals.attempt import Attempt


def traverse(attempt: Attempt) -> StopReason:
    """Ask for a program at once, and for everything else only if that fails a public test.

    The failed draft still counts where no later program passes more public tests.
    """
    draft = attempt.ask(coding.direct(attempt.problem, attempt.dials.language))
    stop = attempt.try_alone(draft)
    if stop in (StopReason.SOLVED, StopReason.UNTESTED):
        return stop
    return mapcoder.traverse(attempt)
