"""What an image's name in a manifest says, and when it says nothing yet. Pure."""

from __future__ import annotations

import re

_FILLED_IN = re.compile(r"[$<{%]")


def is_placeholder(image: str) -> bool:
    """Whether another program writes the tag or the whole name later: `ko://path`, `$(IMAGE)`,
    `app:${TAG}`."""
    return "://" in image or _FILLED_IN.search(image.rpartition("/")[2]) is not None
