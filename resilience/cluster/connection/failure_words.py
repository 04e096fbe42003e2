"""What a request without an answer failed of, in plain words."""

from __future__ import annotations

import ssl
from urllib.parse import urlsplit

import urllib3
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError, ProxyError

from resilience.cluster.access.access import Access


def was_never_sent(error: BaseException) -> bool:
    """Whether no connection was made. A kept-alive connection that broke may have carried the
    request."""
    if isinstance(error, ProxyError):
        return was_never_sent(error.original_error)
    return isinstance(error, NewConnectionError | ConnectTimeoutError | ConnectionRefusedError)


def is_not_trusted(error: BaseException) -> bool:
    """Whether the server's certificate is the cause, at any depth."""
    inner = _wrapped(error)
    return isinstance(error, ssl.SSLCertVerificationError) or (
        inner is not None and is_not_trusted(inner)
    )


def reason(error: BaseException) -> str:
    """The innermost cause in plain words: urllib3 wraps the socket's error several times."""
    if isinstance(error, urllib3.exceptions.ReadTimeoutError):
        return "timed out"
    if isinstance(inner := getattr(error, "reason", None), BaseException):
        return reason(inner)
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    cause, text = _wrapped(error), str(error)
    return reason(cause) if cause is not None else text.rpartition(": ")[2] or type(error).__name__


def _wrapped(error: BaseException) -> BaseException | None:
    inside = (getattr(error, "reason", None), *error.args)
    return next((each for each in inside if isinstance(each, BaseException)), error.__cause__)


def by_way_of(access: Access) -> str:
    """The proxy, without the password that its URL may hold."""
    if not access.proxy:
        return ""
    parsed = urlsplit(access.proxy)
    port = f":{parsed.port}" if parsed.port else ""
    return f", through the proxy {parsed.scheme}://{parsed.hostname or ''}{port}"
