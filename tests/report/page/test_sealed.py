"""The policy names exactly the style and the script that are on the page."""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode

from resilience.report.document import document
from resilience.report.html import html
from tests.report.made import record


def test_the_policy_holds_the_hash_of_what_is_there() -> None:
    page = html(document([record()], 0.0))
    found = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', page)
    assert found
    policy = found[1].replace("&#39;", "'")
    for tag in ("style", "script"):
        [inner] = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        digest = b64encode(hashlib.sha256(inner.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy
