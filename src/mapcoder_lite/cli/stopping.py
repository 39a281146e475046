"""Signals that ask a command to stop, as one exception: Ctrl-C, SIGTERM, a terminal that closes.

Knows: which signals ask for it.
Does not know: what is cleared up, what is said.
"""

import signal
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType

ASKING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(KeyboardInterrupt):
    """A signal came that asks the command to stop."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number

    @property
    def name(self) -> str:
        """The name of the signal."""
        return signal.Signals(self.number).name

    @property
    def exit_code(self) -> int:
        """What a shell calls the end by this signal."""
        return 128 + self.number


@contextmanager
def stoppable() -> Generator[None]:
    """Raise `Stopped` at the first signal, which is to end the process; more of them do nothing.

    A signal that whoever started this ignores, as `nohup` does, stays ignored.
    """
    heeded = [number for number in ASKING if signal.getsignal(number) is not signal.SIG_IGN]

    def stop(number: int, frame: FrameType | None) -> None:
        del frame
        for other in heeded:
            signal.signal(other, signal.SIG_IGN)
        raise Stopped(number)

    before = {number: signal.signal(number, stop) for number in heeded}
    is_stopped = False
    try:
        yield
    except Stopped:
        is_stopped = True
        raise
    finally:
        if not is_stopped:
            for number, handler in before.items():
                signal.signal(number, handler)
