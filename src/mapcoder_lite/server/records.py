"""What a served run keeps on disk beside its events.

Knows: what was asked.
Does not know: files, HTTP.
"""

from typing import Annotated, Literal

from pydantic import Field

from mapcoder_lite.problem import Language, Record
from mapcoder_lite.settings import BudgetConfig, TraversalConfig

SCHEMA_VERSION = 1

TaskName = Literal["solve", "hint", "plan", "debug"]

LAST_RUNG = 4
Rung = Annotated[int, Field(ge=1, le=LAST_RUNG)]
"""How much an answer may say: 1 the kind of problem, 2 the idea, 3 a plan, 4 all."""


class Edit(Record):
    """A plan that a person rewrote, from which a fork runs on."""

    run: str
    """Id of the run that was forked."""
    plan: Annotated[int, Field(ge=0)]
    text: str


class Asked(Record):
    """run.json: what was asked; with problem.json it decides the run."""

    schema_version: Literal[1] = SCHEMA_VERSION
    id: str
    created: str
    """ISO 8601, UTC, milliseconds."""
    source: Literal["api", "chat", "fork", "mcp"]
    task: TaskName = "solve"
    rung: Rung = LAST_RUNG
    title: str
    problem_id: str
    num_tests: int
    traversal: TraversalConfig
    language: Language
    program: str | None = None
    """To be debugged."""
    edit: Edit | None = None
    """Of a fork."""
    client: str = ""
    """Whose turn it took."""
    budget: BudgetConfig = BudgetConfig()
    """What it may use up at most: what was asked for, and no more than the service allows."""
