"""`agnhost test-webserver`, `etc-hosts`, `dns-suffix` and `dns-server-list`: a Pod's own files."""

from __future__ import annotations

import os
import socket

from resilience.sandbox.images.agnhost.agnhost_main import parse
from resilience.sandbox.images.webserver import serve


def test_webserver(arguments: list[str]) -> int:
    """Serve every file of the container."""
    flags, _ = parse(arguments, {"port": 80})
    return serve("agnhost", [(flags["port"], "/")])


def etc_hosts(arguments: list[str]) -> int:
    """Print /etc/hosts."""
    with open("/etc/hosts") as file:
        print(file.read())
    return 0


def dns_suffix(arguments: list[str]) -> int:
    """Print the search list."""
    print(",".join(_of_resolver("search")))
    return 0


def dns_server_list(arguments: list[str]) -> int:
    """Print the name servers."""
    print(",".join(_of_resolver("nameserver")))
    return 0


def _of_resolver(key: str) -> list[str]:
    found: list[str] = []
    if os.path.exists("/etc/resolv.conf"):
        with open("/etc/resolv.conf") as file:
            for line in file:
                words = line.split()
                if words[:1] == [key]:
                    found += words[1:]
    return found or [socket.getfqdn().partition(".")[2]]
