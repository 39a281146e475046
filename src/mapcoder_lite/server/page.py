"""The page at /, as `make web` built it.

Knows: where built assets lie.
Does not know: what the page does.
"""

from pathlib import Path

from fastapi import APIRouter, Response
from fastapi.staticfiles import StaticFiles
from starlette.routing import BaseRoute, Mount

BUILT = Path(__file__).parent / "page"
"""index.html and assets/."""


def router() -> APIRouter:
    """Return the path /."""
    page = APIRouter()

    @page.get("/", include_in_schema=False)
    def index() -> Response:
        return Response((BUILT / "index.html").read_text(encoding="utf-8"), media_type="text/html")

    del index
    return page


def assets() -> list[BaseRoute]:
    """Return the built page's files."""
    return [Mount("/assets", StaticFiles(directory=BUILT / "assets"))]
