"""dig and getent, over a resolver that knows a few records."""

from __future__ import annotations

import pytest

from resilience.sandbox.images import name_tools
from resilience.sandbox.inside import pod_names
from resilience.sandbox.inside.launch import Network
from resilience.sandbox.inside.pod_names import Resolver

NETWORK = Network(address="127.9.0.1", loopback="", namespace="shop", dns_socket="/nowhere")


class Known(Resolver):
    """Answers from a table."""

    def records(self, kind: str, name: str, *, search: bool) -> list[tuple[str, str, str]]:
        table = {
            ("A", "web", True): [("web.shop.svc.cluster.local.", "A", "127.9.128.1")],
            ("PTR", "1.128.9.127.in-addr.arpa", False): [("x.", "PTR", "web.")],
        }
        return table.get((kind, name, search), [])


@pytest.fixture(autouse=True)
def _in_a_pod(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pod_names, "installed", Known(NETWORK, "a"))


@pytest.mark.parametrize(
    ("words", "output"),
    [
        ("+notcp +noall +answer +search web A",
         "web.shop.svc.cluster.local.\t30\tIN\tA\t127.9.128.1\n"),
        ("+short +search web", "127.9.128.1\n"),
        ("+tcp +noall +answer web A", ""),
        ("+short -x 127.9.128.1", "web.\n"),
    ],
)  # fmt: skip
def test_dig_prints_records(words: str, output: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert name_tools.dig_(["dig", *words.split()]) == 0
    assert capsys.readouterr().out == output


@pytest.mark.parametrize("words", ["", "@8.8.8.8 web", "web MX", "+trace web"])
def test_what_dig_does_not_do_is_an_error(words: str) -> None:
    assert name_tools.dig_(["dig", *words.split()]) == 1


def test_dig_says_where_no_server_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pod_names, "installed", Resolver(NETWORK, "a"))
    assert name_tools.dig_(["dig", "web"]) == 9


def test_the_hosts_file_comes_before_dns() -> None:
    hosts = (
        "# x\n127.9.0.1\ta.db.shop.svc\ta # me\n::1\tlocalhost six\n1.2.3.4\tFoo\n5.6.7.8\tfoo\n"
    )
    resolver = Resolver(NETWORK, "a", hosts)
    assert resolver.lookup("a.db.shop.svc") == ["127.9.0.1"]
    assert resolver.lookup("foo") == ["1.2.3.4"]
    with pytest.raises(OSError, match="Temporary failure"):
        resolver.lookup("six")


def test_getent_says_what_it_cannot_find() -> None:
    assert name_tools.getent_(["getent", "hosts", "localhost"]) == 0
    assert name_tools.getent_(["getent", "passwd", "root"]) == 1
    assert name_tools.getent_(["getent", "hosts", "nothere.invalid"]) == 2
