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


def reason(error: BaseException) -> str:
    """The innermost cause in plain words: urllib3 wraps the socket's error several times."""
    if isinstance(error, urllib3.exceptions.ReadTimeoutError):
        return "timed out"
    inner = getattr(error, "reason", None)
    if isinstance(inner, BaseException):
        return reason(inner)
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    cause = next((arg for arg in error.args if isinstance(arg, BaseException)), error.__cause__)
    text = str(error)
    return reason(cause) if cause is not None else text.rpartition(": ")[2] or type(error).__name__


def by_way_of(access: Access) -> str:
    """The proxy, without the password that its URL may hold."""
    if not access.proxy:
        return ""
    parsed = urlsplit(access.proxy)
    port = f":{parsed.port}" if parsed.port else ""
    return f", through the proxy {parsed.scheme}://{parsed.hostname or ''}{port}"
