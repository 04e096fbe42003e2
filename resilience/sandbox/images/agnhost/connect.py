"""`agnhost connect HOST:PORT`: whether a TCP connection can be opened; one fixed word says why
not."""

from __future__ import annotations

import socket
import sys

from resilience.sandbox.images.agnhost.agnhost_main import FlagError, parse
from resilience.sandbox.images.agnhost.golang import duration


def connect(arguments: list[str]) -> int:
    """Exit 0 when connected; else print UNKNOWN, TIMEOUT, DNS, REFUSED or OTHER and exit 1."""
    flags, rest = parse(arguments, {"timeout": "0", "protocol": "tcp"})
    if flags["protocol"] != "tcp":
        raise FlagError(f"the sandbox has no {flags['protocol']}: --protocol must be tcp")
    host, _, port = (rest or [""])[0].rpartition(":")
    try:
        timeout = duration(flags["timeout"]) or None
        socket.create_connection((host, int(port)), timeout).close()
    except ValueError as error:
        return _fail("UNKNOWN", error)
    except socket.gaierror as error:
        return _fail("DNS", error)
    except TimeoutError:
        return _fail("TIMEOUT")
    except ConnectionRefusedError:
        return _fail("REFUSED")
    except OSError as error:
        return _fail("OTHER", error)
    return 0


def _fail(word: str, error: Exception | None = None) -> int:
    print(word if error is None else f"{word}: {error}", file=sys.stderr)
    return 1
