"""The page at /: the built one where it is in the package, else a plain list of the runs.

Knows: where built assets lie, how a list is written safely.
Does not know: what the built page does.
"""

from html import escape
from pathlib import Path

from fastapi import APIRouter, Response
from fastapi.staticfiles import StaticFiles
from starlette.routing import BaseRoute, Mount

from mapcoder_lite.server import views
from mapcoder_lite.server.service import Service

BUILT = Path(__file__).parent / "page"
"""index.html and assets/, when they were built."""
_SHOWN_RUNS = 100


def router(service: Service) -> APIRouter:
    """Return the path /."""
    page = APIRouter()

    @page.get("/", include_in_schema=False)
    def index() -> Response:
        built = BUILT / "index.html"
        text = built.read_text(encoding="utf-8") if built.is_file() else plain(service)
        return Response(text, media_type="text/html")

    del index
    return page


def assets() -> list[BaseRoute]:
    """Return the built page's files, if there are any."""
    folder = BUILT / "assets"
    return [Mount("/assets", StaticFiles(directory=folder))] if folder.is_dir() else []


def plain(service: Service) -> str:
    """Return the runs as a page without a script."""
    rows = [_row(views.summary(service, run)) for run in service.archive.ids()[:_SHOWN_RUNS]]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>MapCoder-Lite</title>'
        '<meta name="viewport" content="width=device-width"></head><body><h1>MapCoder-Lite</h1>'
        "<p>The page is not built into this package; this is the list of runs. "
        'API: <a href="/openapi.json">openapi.json</a>.</p><table><tr><th>run</th><th>problem</th>'
        f"<th>status</th><th>samples</th></tr>{''.join(rows)}</table></body></html>"
    )


def _row(run: views.bodies.RunSummary) -> str:
    title = escape(run.title or run.problem_id)
    return (
        f'<tr><td><a href="/api/runs/{run.id}">{run.id}</a></td><td>{title}</td>'
        f"<td>{escape(str(run.status))}</td><td>{run.num_passed} of {run.num_tests}</td></tr>"
    )
