"""Which code made a result.

Knows: the checkout that this code runs from.
Does not know: results, versions of anything else.
"""

from pathlib import Path


def source_commit() -> str | None:
    """Return the commit of the checkout that this code runs from; None for an installed package."""
    git = Path(__file__).parents[2] / ".git"
    try:
        head = (git / "HEAD").read_text().strip()
        if not head.startswith("ref: "):
            return head
        return (git / head.removeprefix("ref: ")).read_text().strip()
    except OSError:
        return None
