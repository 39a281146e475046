"""Whether answers may be right that a problem's tests do not list: a wrong one is suspect then.

Knows: how statements say that several answers are right, which checkers look beyond the list.
Does not know: programs, verdicts, how answers are compared.
"""

import re

from mapcoder_lite.problem import CheckerKind, HiddenTests, Problem

BEYOND_THE_LIST = (CheckerKind.CUSTOM, CheckerKind.SORTED, CheckerKind.UNORDERED)
"""Checkers that were chosen because several answers are right."""

_MANY = re.compile(
    r"""
    \bany\s(one\s)?of\s(them|these|those|the\s(possible|valid|correct|optimal))
    | \b(print|output|return|write|report|choose)s?\s(out\s)?any\b
    | \bany\s(valid|correct|optimal|suitable|possible|such)\s
      (answer|solution|output|one|permutation|sequence|string|array|way|order)
    | \bin\s(any|arbitrary)\sorder\b
    | \bif\s(there\s(are|is|exist|exists)\s)?(several|multiple|many|more\sthan\sone)\s
      (\w+\s){0,3}(answer|solution|output|way|option|possibilit)
    | \b(several|multiple)\s(\w+\s){0,2}(answers|solutions|outputs)\s(are|is)\s
      (possible|accepted|allowed|correct|valid)
    """,
    re.IGNORECASE | re.VERBOSE,
)


def has_unlisted_answers(problem: Problem, hidden: HiddenTests) -> bool:
    """Tell whether several answers may be right and nothing but a list of some is there.

    That is: the statement says that any of several will do, or a test lists several outputs; and
    the checker compares with the list.
    """
    if problem.checker.kind in BEYOND_THE_LIST or problem.io.kind == "asserts":
        return False
    if any(len(test.outputs) > 1 for test in hidden.tests):
        return True
    told = (problem.statement, problem.output_spec, problem.notes)
    return _MANY.search(" ".join(" ".join(told).split())) is not None
