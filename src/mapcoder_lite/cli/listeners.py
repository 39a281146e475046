"""What of ours listens on this machine and who can reach it; nobody is asked, the kernel knows.

Knows: our ports, the kernel's table of listening sockets.
Does not know: what is served there.
"""

import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

PORTS: Mapping[int, str] = {7788: "serve", 10043: "listen"}
"""Of `mapcoder serve` and `mapcoder listen`, where nothing else was said."""
_TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
_LISTENING = "0A"


@dataclass(frozen=True, slots=True)
class Listener:
    """A socket that listens on one of our ports."""

    address: str
    port: int

    @property
    def text(self) -> str:
        """Say where, whose port it is, and who can reach it."""
        address = ipaddress.ip_address(self.address)
        reach = "this machine alone" if address.is_loopback else "OTHER MACHINES can reach it"
        return f"{self.address} port {self.port}, that of `mapcoder {PORTS[self.port]}`: {reach}"


def listeners() -> tuple[Listener, ...] | None:
    """Return what listens on our ports; None where the system does not tell."""
    tables = [table for table in _TABLES if table.is_file()]
    if not tables:
        return None
    rows = [row for table in tables for row in read(table.read_text(encoding="ascii"))]
    return tuple(row for row in rows if row.port in PORTS)


def read(table: str) -> Iterator[Listener]:
    """Yield the listening sockets of a table as /proc/net/tcp has it: words of a host, in hex."""
    for line in table.splitlines()[1:]:
        fields = line.split()
        if len(fields) > 3 and fields[3] == _LISTENING:
            host, _, port = fields[1].partition(":")
            yield Listener(_address(host), int(port, 16))


def _address(words: str) -> str:
    raw = bytes.fromhex(words)
    swapped = b"".join(raw[place : place + 4][::-1] for place in range(0, len(raw), 4))
    address = ipaddress.ip_address(swapped)
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address)
