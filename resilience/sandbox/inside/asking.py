"""A Pod's queries to the data plane, over its Unix socket: names, and whether it may connect.

One line of words per query, one line of JSON per answer; `dataplane.questions` answers.
"""

from __future__ import annotations

import json
import os
import socket
from typing import Any

from resilience.sandbox.inside.launch import Network

ANSWER_LIMIT = 1 << 20
TIMEOUT = 5.0

_stat = os.stat
_connect = socket.socket.connect


def ask(network: Network, *words: str) -> Any:
    """The data plane's answer; OSError when it cannot be reached."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asked:
        asked.settimeout(TIMEOUT)
        _connect(asked, network.dns_socket)
        asked.sendall(" ".join(words).encode() + b"\n")
        with asked.makefile("rb") as answer:
            return json.loads(answer.readline(ANSWER_LIMIT) or b"null")


def blackhole_for(network: Network, target: str, port: int, protocol: str) -> Any:
    """The destination of a connection that no NetworkPolicy allows, [address, port]; None if it
    is allowed."""
    try:
        _stat(network.policy_flag)
    except OSError:
        return None  # there is no policy at all
    return ask(network, "connect", network.address, target, str(port), protocol)
