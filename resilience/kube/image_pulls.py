"""Whether what keeps a container waiting may pass by itself. Pure.

The texts are those of container runtimes and registries. The kubelet (pkg/kubelet/images) puts them
into the message of `ErrImagePull` and, as far as it remembers them, of `ImagePullBackOff`.
"""

from __future__ import annotations

import re

_PASSING = re.compile(
    r"timeout|timed out|connection re|no such host|too ?many ?requests|\b(429|5\d\d)\b|EOF",
    re.IGNORECASE,
)
_BARE = re.compile(r'(Back-off pulling image "[^"]*")?')


def may_pass(message: str) -> bool:
    """Whether the message names a cause that ends by itself: a registry or an API server that was
    busy or out of reach."""
    return bool(_PASSING.search(message))


def is_bare_back_off(reason: str, message: str) -> bool:
    """Whether a pull is going to be repeated and the kubelet does not say why it failed. Its cause
    is shown again when the next pull fails."""
    return reason == "ImagePullBackOff" and bool(_BARE.fullmatch(message))
