"""The names of the traversals, and of the original's defects.

Knows: what each name stands for.
Does not know: how a problem is traversed, settings.
"""

from enum import StrEnum


class TraversalName(StrEnum):
    """A way to work on a problem."""

    MAPCODER = "mapcoder"
    """Retrieve, plan, rank, code, debug (MapCoder 2405.11403), with the original's defects mended.
    """
    DIRECT = "direct"
    """One program, asked for at once."""
    COT = "cot"
    """One program, after thinking step by step (2201.11903)."""
    SELF_PLANNING = "self_planning"
    """A plan, then its program (2303.06689)."""
    ANALOGICAL = "analogical"
    """Similar problems recalled and the program written in one reply (2310.01714)."""
    ORIGINAL = "original"
    """MapCoder as released, with `traversal.defects`."""
    DRAFT_FIRST = "draft_first"
    """A program at once; the mapcoder traversal only if it fails (after AdaCoder 2504.04220)."""
    TRACED = "traced"
    """mapcoder, plans followed by hand on the public tests in place of a confidence (after CodeSIM
    2502.05664)."""


class Defect(StrEnum):
    """What the released code of MapCoder does otherwise; each can be had alone."""

    LAST_UNTESTED = "last_untested"
    """The program of a plan's last debug round is never judged."""
    LAST_SUBMITTED = "last_submitted"
    """Where no program passes, the last one written is submitted in place of the best."""
    ZERO_ROUNDS = "zero_rounds"
    """At t = 0 nothing is judged, every plan is coded, and the least sure plan's program is
    submitted."""
    NO_TESTS_PASS = "no_tests_pass"
    """Without public tests a program counts as passed."""
    K_UNBOUNDED = "k_unbounded"
    """Every recalled problem is planned after, also more than k."""
    ASKED_ONCE = "asked_once"
    """A reply that cannot be read is not asked for again."""
    FAILURE_ENDS = "failure_ends"
    """A reply that cannot be read ends the attempt, whatever was written before."""
    STRICT_XML = "strict_xml"
    """XML must be well formed once CDATA is put around its leaves; one recalled problem alone
    cannot be read."""
    RAW_CONFIDENCE = "raw_confidence"
    """A confidence is any whole number, also one above 100, and nothing else is."""
    RAW_PLAN = "raw_plan"
    """Any reply is a plan: an empty one, a program, one that was cut off."""
    LAST_BLOCK = "last_block"
    """The last fenced block is the program, whatever it holds; without a fence, the whole reply."""
    REPEATS_DEBUGGED = "repeats_debugged"
    """Debugging goes on after a round that gave a program back unchanged."""
    BARE_REPORT = "bare_report"
    """The test report shows inputs and outputs, passed and failed, without verdict or error."""
