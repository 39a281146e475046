"""Our failure classes and marks in MAST's words (2503.13657), where trajectories can show them.

MAST has 14 modes in 3 categories, told by readers of whole conversations. Agents here do not talk:
each gets one fixed prompt and answers once, so that some modes cannot occur and others leave
no trace. A mode that no record can show has the reason in place of a count.

Knows: MAST's modes, which class or mark shows which of them and why.
Does not know: how classes and marks are found or counted.
"""

from dataclasses import dataclass

from mapcoder_lite.evaluation.diagnosis import FailureClass, Mark


@dataclass(frozen=True, slots=True)
class Mode:
    """One mode of MAST."""

    code: str
    name: str
    shown_by: tuple[FailureClass | Mark, ...]
    """Empty: no record shows it."""
    reason: str

    @property
    def category(self) -> str:
        """MAST's category of it."""
        return CATEGORIES[self.code[3]]


CATEGORIES = {
    "1": "specification and system design",
    "2": "inter-agent misalignment",
    "3": "task verification",
}

MODES: tuple[Mode, ...] = (
    Mode(
        "FM-1.1",
        "disobey task specification",
        (FailureClass.UNREADABLE, FailureClass.NO_PROGRAM, Mark.UNREAD_REPLY),
        "the layout of a reply is part of what is asked for",
    ),
    Mode(
        "FM-1.2",
        "disobey role specification",
        (),
        "a role is bound to its prompt; doing another's work shows only as a reply not readable",
    ),
    Mode(
        "FM-1.3",
        "step repetition",
        (
            FailureClass.DEBUGGER_LOOP,
            Mark.IDLE_PATCH,
            Mark.REPEATED_PATCH,
            Mark.SAME_PLAN,
        ),
        "a step brings what an earlier one has brought",
    ),
    Mode("FM-1.4", "loss of conversation history", (), "prompts hold no history and are never cut"),
    Mode(
        "FM-1.5",
        "unaware of termination conditions",
        (Mark.DEBUGGING_WITHOUT_EFFECT,),
        "rounds go on although no patch moves a verdict; the traversal, not an agent, ends them",
    ),
    Mode("FM-2.1", "conversation reset", (), "there is no conversation to reset"),
    Mode("FM-2.2", "fail to ask for clarification", (), "no agent can ask back"),
    Mode(
        "FM-2.3",
        "task derailment",
        (FailureClass.HARD_CODED,),
        "the program answers the samples in place of the problem",
    ),
    Mode("FM-2.4", "information withholding", (), "what a reply leaves out leaves no trace"),
    Mode(
        "FM-2.5",
        "ignored other agent's input",
        (Mark.SAME_PROGRAM,),
        "different plans lead to one program",
    ),
    Mode(
        "FM-2.6",
        "reasoning-action mismatch",
        (),
        "whether a program does what its plan says takes a reader; replays tell who mends it",
    ),
    Mode(
        "FM-3.1", "premature termination", (), "the traversal ends attempts by rule, not an agent"
    ),
    Mode(
        "FM-3.2",
        "no or incomplete verification",
        (FailureClass.UNTESTED, FailureClass.OVER_LIMITS, FailureClass.OVERFITTED),
        "what is submitted passed the few samples, or nothing, and the hidden tests reject it",
    ),
    Mode(
        "FM-3.3",
        "incorrect verification",
        (),
        "the judge verifies, and its self-test is demanded; no agent's word is taken for a pass",
    ),
)

UNMAPPED: dict[FailureClass, str] = {
    FailureClass.TOO_LONG: "a limit of the model, not of how agents work together",
    FailureClass.NOT_COMPILING: "a lack of skill, seen and said by the judge",
    FailureClass.SAMPLES_FAILED: "a lack of skill, seen and said by the judge",
}
"""Classes that MAST has no mode for."""
