"""Links of pages behind the API server's proxy (apimachinery, util/proxy/transport_test.go)."""

from __future__ import annotations

import pytest

from resilience.sandbox.apiserver.http import html_links

BELOW = "/api/v1/namespaces/ns/pods/a/proxy"


@pytest.mark.parametrize(
    ("target", "wanted"),
    [
        ("/x", f"{BELOW}/x"),
        ("/x/", f"{BELOW}/x/"),
        ("/x?a=b&c#d", f"{BELOW}/x?a=b&c#d"),
        ("x/y", "x/y"),
        ("#top", "#top"),
        ("", ""),
        ("https://example.org/x", "https://example.org/x"),
        ("http://10.0.0.1:80/x", f"{BELOW}/x"),
        (f"{BELOW}/x", f"{BELOW}/x"),
        ("http://[broken", "http://[broken"),
        ("javascript:void(0)", "javascript:void(0)"),
    ],
)
def test_links_of_a_proxied_page_lead_through_the_proxy(target: str, wanted: str) -> None:
    assert html_links.link(target, BELOW, ("10.0.0.1:80", "api:443")) == wanted


@pytest.mark.parametrize(
    ("page", "wanted"),
    [
        ('<a href="/x">t</a>', f'<a href="{BELOW}/x">t</a>'),
        ("<A class='b' HREF = '/x'>t</A>", f"<A class='b' HREF = \"{BELOW}/x\">t</A>"),
        ("<img src=/x alt=/y>", f'<img src="{BELOW}/x" alt=/y>'),
        ('<a href="/x?a=1&amp;b=2">', f'<a href="{BELOW}/x?a=1&amp;b=2">'),
        ('<p title="/x">/x</p>', '<p title="/x">/x</p>'),
        ('<!-- <a href="/x"> -->', '<!-- <a href="/x"> -->'),
        (
            '<script src="/s.js">let a = \'<a href="/x">\'</script>',
            f'<script src="{BELOW}/s.js">let a = \'<a href="/x">\'</script>',
        ),
        ("a < b and c > d", "a < b and c > d"),
    ],
)
def test_which_parts_of_a_page_change(page: str, wanted: str) -> None:
    assert html_links.rewritten(page, BELOW, ()) == wanted
