"""Where a long name may be continued on the next line: after its parts, never within a word."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from markupsafe import Markup

LONGEST = 32
"""Characters of a part that stay together: a longer one would not fit a phone."""

_PARTS = re.compile(rf"[^._/:-]{{1,{LONGEST}}}[._/:-]*|[._/:-]+")


def breakable(text: str) -> Markup:
    """Escaped, with a place for a break after each part of a name such as `web.longest_outage`."""
    from markupsafe import Markup, escape

    return Markup("<wbr>").join(escape(part) for part in _PARTS.findall(text))
