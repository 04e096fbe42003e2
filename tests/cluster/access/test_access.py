"""Kubeconfigs: cheap ones by ourselves, all others by the official client."""

from __future__ import annotations

import base64
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from resilience.cluster.access import access, official
from resilience.cluster.access.access import NoAccess, contexts, load, plain

CA = "-----BEGIN CERTIFICATE-----\nabc\n-----END CERTIFICATE-----\n"


def kubeconfig(
    path: Path, *, user: dict[str, Any] | None = None, cluster: dict[str, Any] | None = None
) -> Path:
    named = {
        "cluster": {
            "server": "https://10.0.0.1:6443/",
            "certificate-authority-data": base64.b64encode(CA.encode()).decode(),
            **(cluster or {}),
        },
        "user": {"token": "t0k3n"} if user is None else user,
    }
    path.write_text(
        json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": "one",
                "clusters": [{"name": "c", "cluster": named["cluster"]}],
                "users": [{"name": "u", "user": named["user"]}],
                "contexts": [
                    {"name": "one", "context": {"cluster": "c", "user": "u"}},
                    {"name": "two", "context": {"cluster": "c", "user": "u", "namespace": "shop"}},
                    {"name": "broken", "context": {"cluster": "absent", "user": "u"}},
                ],
            }
        )
    )
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return kubeconfig(tmp_path / "config")


def test_a_context_of_token_and_ca_is_read_without_the_official_client(path: Path) -> None:
    before = set(sys.modules)
    found = load("two", str(path))
    assert (found.context, found.server) == ("two", "https://10.0.0.1:6443")
    assert (found.ca_data, found.namespace) == (CA, "shop")
    assert found.authorization() == "Bearer t0k3n"
    assert not {name for name in set(sys.modules) - before if name.startswith("kubernetes")}


def test_without_a_name_the_current_context_is_used(path: Path) -> None:
    assert load("", str(path)).context == "one"


def test_a_token_is_not_shown_when_an_access_is_printed(path: Path) -> None:
    assert "t0k3n" not in repr(load("one", str(path)))


@pytest.mark.parametrize(
    ("user", "cluster"),
    [
        ({"exec": {"command": "x"}}, {}),
        ({"client-certificate": "c.pem"}, {}),
        ({"token": "t", "tokenFile": "f"}, {}),
        ({"token": "t"}, {"proxy-url": "http://p"}),
        ({"token": "t"}, {"insecure-skip-tls-verify": True}),
    ],
)
def test_what_takes_more_is_left_to_the_official_client(
    tmp_path: Path, user: dict[str, Any], cluster: dict[str, Any]
) -> None:
    assert plain(kubeconfig(tmp_path / "config", user=user, cluster=cluster)) is None


@pytest.mark.parametrize(
    ("context", "text"),
    [
        ("three", "has no context 'three'; it has: broken, one, two"),
        ("broken", "has no cluster 'absent'; it has: c"),
    ],
)
def test_what_is_missing_is_named_with_what_is_there(path: Path, context: str, text: str) -> None:
    with pytest.raises(NoAccess) as caught:
        load(context, str(path))
    assert text in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"a: [", "is not YAML"),
        (b"- 1", "is not a mapping"),
        (b"", "is not a mapping"),
        (b"\xff\xfe\xff", "cannot be read"),
    ],
)
def test_a_file_that_is_no_kubeconfig_is_told(tmp_path: Path, content: bytes, text: str) -> None:
    (tmp_path / "config").write_bytes(content)
    with pytest.raises(NoAccess, match=text):
        load("one", str(tmp_path / "config"))


def test_a_ca_that_is_no_base64_is_told(tmp_path: Path) -> None:
    bad = kubeconfig(tmp_path / "config", cluster={"certificate-authority-data": "%%%"})
    with pytest.raises(NoAccess, match="certificate-authority-data is not base64"):
        load("one", str(bad))


def test_files_are_found_as_kubectl_finds_them(tmp_path: Path) -> None:
    assert access.files("k", {"KUBECONFIG": "a"}) == (Path("k"),)
    assert access.files("", {"KUBECONFIG": "a::b"}) == (Path("a"), Path("b"))
    assert access.files("", {"HOME": "/home/me"}) == (Path("/home/me/.kube/config"),)


# What follows goes through the official client.


def test_an_exec_plugins_token_is_used_and_asked_again_when_it_expired(tmp_path: Path) -> None:
    count = tmp_path / "count"
    script = tmp_path / "plugin"
    script.write_text(
        f"#!/bin/sh\necho x >> {count}\n"
        'echo \'{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential",'
        ' "status": {"token": "fresh", "expirationTimestamp": "2020-01-01T00:00:00Z"}}\'\n'
    )
    script.chmod(0o755)
    user = {"exec": {"command": str(script), "apiVersion": "client.authentication.k8s.io/v1"}}
    found = load("one", str(kubeconfig(tmp_path / "config", user=user)))
    assert found.authorization() == "Bearer fresh"
    asked = count.read_text().count("x")
    assert found.authorization() == "Bearer fresh"
    assert count.read_text().count("x") > asked
    assert Path(found.ca_file).read_text() == CA


def test_an_exec_plugin_that_fails_is_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    user = {"exec": {"command": "false", "apiVersion": "client.authentication.k8s.io/v1"}}
    with pytest.raises(NoAccess, match="exec plugin 'false' gave no credential: exec: process ret"):
        load("one", str(kubeconfig(tmp_path / "config", user=user)))
    assert caplog.text == ""


def test_an_exec_plugin_that_is_not_installed_is_told_as_that(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    user = {"exec": {"command": "no-plugin", "apiVersion": "client.authentication.k8s.io/v1"}}
    with pytest.raises(NoAccess, match="'no-plugin' is not installed, or not in PATH"):
        load("one", str(kubeconfig(tmp_path / "config", user=user)))
    assert caplog.text == ""


def test_several_files_in_kubeconfig_are_merged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = kubeconfig(tmp_path / "first")
    second = tmp_path / "second"
    second.write_text(
        json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "contexts": [{"name": "other", "context": {"cluster": "c", "user": "u"}}],
            }
        )
    )
    monkeypatch.setenv("KUBECONFIG", f"{first}:{second}")
    found = load("other")
    assert (found.context, found.authorization()) == ("other", "Bearer t0k3n")


def test_in_cluster_outside_of_a_pod_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    with pytest.raises(NoAccess, match="'in-cluster': this process does not run in a Pod"):
        official.in_cluster()


def test_insecure_and_server_name_and_proxy_are_taken_over(tmp_path: Path) -> None:
    cluster = {"proxy-url": "http://proxy:3128", "tls-server-name": "kubernetes"}
    found = load("one", str(kubeconfig(tmp_path / "config", cluster=cluster)))
    assert (found.proxy, found.server_name, found.verify) == (
        "http://proxy:3128",
        "kubernetes",
        True,
    )


def test_a_kubeconfig_is_read_again_once_it_has_changed(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text("contexts: [{name: a}]\n")
    assert contexts(str(path)) == {"a"}
    path.write_text("contexts: [{name: a}, {name: b}]\n")
    assert contexts(str(path)) == {"a", "b"}


def test_a_named_context_needs_no_current_one_with_an_exec_plugin_either(tmp_path: Path) -> None:
    credential = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential",
                  "status": {"token": "t"}}  # fmt: skip
    user = {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "interactiveMode": "Never",
                     "command": "echo", "args": [json.dumps(credential)]}}  # fmt: skip
    config = {
        "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a", "namespace": "shop"}}],
        "clusters": [{"name": "a", "cluster": {"server": "https://127.0.0.1:1"}}],
        "users": [{"name": "a", "user": user}],
    }
    path = tmp_path / "config"
    path.write_text(json.dumps(config))
    found = load("a", str(path))
    assert (found.context, found.namespace, found.authorization()) == ("a", "shop", "Bearer t")
