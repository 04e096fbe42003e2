"""Questions to a Service through the API server's proxy, which `resilience init` sends.

A proxy's path leads into the application, so the door takes it for a write, whatever the method. A
GET of the path that the Service's own probes use is what a kubelet sends all the time.
"""

from __future__ import annotations

import re
from urllib.parse import unquote

_PATH = re.compile(
    r"/api/v1/namespaces/([a-z0-9-]+)/services/(?:https:)?[a-z0-9-]+:[0-9]+/proxy(/[!-~]*)"
)


def is_question(method: str, path: str, namespaces: frozenset[str]) -> bool:
    """Whether it is a GET to a Service of one of these namespaces, and can be nothing else."""
    found = _PATH.fullmatch(path)
    if method != "GET" or found is None or found[1] not in namespaces:
        return False
    said = found[2].partition("?")[0]
    return not {".", ".."} & set(unquote(unquote(said)).replace("\\", "/").split("/"))
