"""What a Redis answered instead of a result, in its own words.

redis-py turns the code at the beginning of an error into a class and leaves it out of the text, so
that `MOVED 3999 10.0.0.5:6379` reads `3999 10.0.0.5:6379`. LOADING counts as a broken connection
there, although the server answered.
"""

from __future__ import annotations

from collections.abc import Mapping

CODES: Mapping[str, str] = {
    "MovedError": "MOVED", "AskError": "ASK", "TryAgainError": "TRYAGAIN",
    "ClusterDownError": "CLUSTERDOWN", "ClusterCrossSlotError": "CROSSSLOT",
    "MasterDownError": "MASTERDOWN", "ReadOnlyError": "READONLY", "BusyLoadingError": "LOADING",
    "OutOfMemoryError": "OOM", "NoPermissionError": "NOPERM", "NoScriptError": "NOSCRIPT",
    "ExecAbortError": "EXECABORT",
}  # fmt: skip
"""A class of redis-py's errors to the code of the answer."""

ELSEWHERE = "; the key is on another node of the cluster, expected that node or a proxy"


def is_answer(error: BaseException) -> bool:
    """Whether the server refused the command, so that it certainly did not take effect."""
    return type(error).__name__ in CODES


def told(error: BaseException) -> str:
    """With its code."""
    code, text = CODES.get(type(error).__name__, ""), str(error)
    text = text if text.startswith(code) else f"{code} {text}"
    return text + ELSEWHERE * (code in ("MOVED", "ASK"))
