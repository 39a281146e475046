"""A client that has gone: what was done for it alone is called off.

Knows: when a connection is closed.
Does not know: what is done.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from fastapi import Request

from mapcoder_lite.server.faults import Refused

T = TypeVar("T")

_GONE = 499
"""Seen by nobody but the log."""


async def unless_gone(request: Request, awaited: Awaitable[T], call_off: Callable[[], None]) -> T:
    """Wait for something, and call it off when the client closes the connection.

    Raises:
        Refused: it did.
    """
    work = asyncio.ensure_future(awaited)
    leaving = asyncio.ensure_future(_left(request))
    try:
        await asyncio.wait({work, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if work.done():
            return work.result()
        raise Refused(_GONE, "the client has gone")
    finally:
        leaving.cancel()
        if not work.done():
            call_off()
            work.cancel()


async def _left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
