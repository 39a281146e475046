"""What an address alone tells: whether it leaves this machine, which addresses are one.

Knows: URLs, loopback.
Does not know: connections, names on the network.
"""

from ipaddress import ip_address
from urllib.parse import urlsplit


def is_this_machine(url: str) -> bool:
    """Tell whether what is sent there never leaves this machine."""
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def one_name(url: str) -> str:
    """Return an address in which all names of this machine are one."""
    if not is_this_machine(url):
        return url
    parts = urlsplit(url)
    return parts._replace(netloc=f"localhost:{parts.port}").geturl()
