"""The application: every path, faults in their shapes, the guard in front.

Knows: which parts there are, in which order a request passes them.
Does not know: what they do, sockets.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from mapcoder_lite import __version__
from mapcoder_lite.server import editors, facade, faults, page, rest
from mapcoder_lite.server.safety import Door, Guard
from mapcoder_lite.server.service import Service


def application(
    service: Service, door: Door, *, label: str = "", is_judge_trusted: bool = True
) -> FastAPI:
    """Return the application; it closes the service when it is shut down."""

    answering = editors.http(service)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
        async with answering.run():
            yield
        await asyncio.to_thread(service.close)

    app = FastAPI(
        title="MapCoder-Lite",
        version=__version__,
        lifespan=lifespan,
        docs_url=None,  # its pages would fetch from elsewhere
        redoc_url=None,
        routes=[*page.assets(), editors.route(answering)],
    )
    app.include_router(facade.router(service))
    app.include_router(rest.router(service, label, is_judge_trusted=is_judge_trusted))
    app.include_router(page.router())
    faults.install(app)
    app.add_middleware(Guard, door=door)
    return app
