"""What became of a request, as numbers; the lines of the agent name them."""

from __future__ import annotations

import errno

VERSION = 1
ANSWERS = (
    "GOOD",
    "REFUSED",
    "TIMEOUT",
    "RESET",
    "UNREACHABLE",
    "NAME",
    "TLS",
    "STATUS",
    "BODY",
    "PROTOCOL",
    "UNSENT",
    "WRONG",
    "NXDOMAIN",
    "NODATA",
    "SERVFAIL",
    "DNS",
)
(GOOD, REFUSED, TIMEOUT, RESET, UNREACHABLE, NAME, TLS, STATUS, BODY, PROTOCOL, UNSENT) = range(11)

# The meaning of the kernel's errors for a connection, by errno. A shortage on this side means that
# the request was not sent.
BY_ERRNO = {
    errno.ECONNREFUSED: REFUSED,
    errno.ECONNRESET: RESET,
    errno.EPIPE: RESET,
    errno.ECONNABORTED: RESET,
    errno.ETIMEDOUT: TIMEOUT,
    errno.EADDRNOTAVAIL: UNSENT,
    errno.EMFILE: UNSENT,
    errno.ENFILE: UNSENT,
    errno.ENOBUFS: UNSENT,
    errno.ENOMEM: UNSENT,
}

SAID = {REFUSED: "refused", TIMEOUT: "timed out", UNREACHABLE: "unreachable"}  # of an address
