"""What of ours listens on this machine and who can reach it; nobody is asked, the kernel knows.

Knows: our ports and commands, the kernel's tables of listening sockets and of processes.
Does not know: what is served there.
"""

import ipaddress
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

PORTS: Mapping[int, str] = {7788: "serve", 10043: "listen"}
"""Of `mapcoder serve` and `mapcoder listen`, where nothing else was said."""
_PROC = Path("/proc")
_TABLES = ("net/tcp", "net/tcp6")
_SOCKET = re.compile(r"socket:\[(\d+)\]")
_LISTENING = "0A"


@dataclass(frozen=True, slots=True)
class Listener:
    """A socket that listens on one of our ports, or that a process of ours holds."""

    address: str
    port: int
    inode: str = ""
    verb: str | None = None
    """What runs there, where that can be seen: other users' processes do not show it."""

    @property
    def text(self) -> str:
        """Say where, whose port it is, and who can reach it."""
        address = ipaddress.ip_address(self.address)
        reach = "this machine alone" if address.is_loopback else "OTHER MACHINES can reach it"
        what = f"that of `mapcoder {PORTS.get(self.port)}`"
        if self.verb is not None:
            what = f"`mapcoder {self.verb}`"
        return f"{self.address} port {self.port}, {what}: {reach}"


def listeners(proc: Path = _PROC) -> tuple[Listener, ...] | None:
    """Return what listens on our ports or is ours; None where the system does not tell."""
    tables = [proc / table for table in _TABLES if (proc / table).is_file()]
    if not tables:
        return None
    verbs = _sockets(proc)
    rows = [row for table in tables for row in read(table.read_text(encoding="ascii"))]
    told = (replace(row, verb=verbs.get(row.inode)) for row in rows)
    return tuple(row for row in told if row.port in PORTS or row.verb is not None)


def _sockets(proc: Path) -> dict[str, str]:
    """Return the verb of each socket that a process of ours holds, by inode."""
    verbs: dict[str, str] = {}
    for process in proc.glob("[0-9]*"):
        try:
            verb = _verb((process / "cmdline").read_bytes())
            links = [str(link.readlink()) for link in (process / "fd").iterdir()] if verb else []
        except OSError:  # it has ended, or is another user's
            continue
        for found in filter(None, map(_SOCKET.fullmatch, links)):
            verbs[found[1]] = verb or ""
    return verbs


def _verb(command: bytes) -> str | None:
    """Return the verb of a command line of ours; None: it is not ours."""
    words = command.decode(errors="replace").split("\0")[:5]
    for place, word in enumerate(words[:-1]):
        is_ours = word == "mapcoder_lite" and words[place - 1] == "-m"
        if (is_ours or Path(word).name == "mapcoder") and words[place + 1] in PORTS.values():
            return words[place + 1]
    return None


def read(table: str) -> Iterator[Listener]:
    """Yield the listening sockets of a table as /proc/net/tcp has it: words of a host, in hex."""
    for line in table.splitlines()[1:]:
        fields = line.split()
        if len(fields) > 3 and fields[3] == _LISTENING:
            host, _, port = fields[1].partition(":")
            inode = fields[9] if len(fields) > 9 else ""
            yield Listener(_address(host), int(port, 16), inode)


def _address(words: str) -> str:
    raw = bytes.fromhex(words)
    swapped = b"".join(raw[place : place + 4][::-1] for place in range(0, len(raw), 4))
    address = ipaddress.ip_address(swapped)
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address)
