"""Generated attempts: whatever passes the door changes nothing that its permit does not cover.

What a request changes is told by a reading of its own (`changes`): percent-encoding, dot segments
and empty segments are resolved first, as a server or a client may do on the way. The door shares
none of it.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from random import Random
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resilience.cluster.interface import NAMESPACES, Object, Resource
from resilience.cluster.permit.consent_keys import CONSENT, PAUSED
from resilience.cluster.permit.door import Door, NotCovered, Permit

ATTEMPTS = 10_000
SPACES = ("shop", "bank", "lab", "kube-system", "kube-public", "resilience-journal", "")
RBAC = "rbac.authorization.k8s.io"
KINDS = (
    ("", "pods"), ("", "secrets"), ("", "configmaps"), ("", "services"), ("apps", "deployments"),
    (RBAC, "roles"), ("coordination.k8s.io", "leases"), ("new.example.com", "widgets"),
    ("chaos-mesh.org", "podchaos"), ("", "nodes"), (RBAC, "clusterroles"),
    (RBAC, "clusterrolebindings"), ("", "namespaces"), ("", "namespaces"), ("", "namespaces"),
    ("", "persistentvolumes"), ("other.example.com", "namespaces"), ("other.example.com", "nodes"),
)  # fmt: skip
SUBS = ("", "", "", "status", "exec", "eviction", "scale", "finalize", "proxy", "token", "binding")
METHODS = ("POST", "PUT", "PATCH", "DELETE", "CONNECT", "GET", "PURGE")
NAMES = ("", "a", "shop", "bank", "lab", "node-1", "cluster-admin", "..", "%2e%2e", "a/../b", "x?y",
         "proxy", "a/%65xec", "x/../a/proxy")  # fmt: skip
LIVE = {"shop": {CONSENT: "allow", "team": "shop"}, "bank": {}, "kube-system": {}}

PERMITS = (
    Permit(title="shop", namespaces=frozenset({"shop"}), guarded=frozenset({"team"})),
    Permit(title="lab", namespaces=frozenset({"shop", "lab"}), makes=frozenset({"lab"})),
    Permit(title="listed", namespaces=frozenset({"shop"}), makes=frozenset({"shop"})),
    Permit(title="nodes", namespaces=frozenset({"shop"}), nodes=True),
    Permit(title="roles", namespaces=frozenset({"shop"}),
           cluster_scoped=frozenset({"clusterroles.rbac.authorization.k8s.io/a"})),
    Permit(title="journal", journal="resilience-journal"),
    Permit(title="nothing"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request, and the permit that it is sent under."""

    method: str
    path: str
    body: Any
    permit: Permit


def attempt(random: Random) -> Attempt:
    group, plural = random.choice(KINDS)
    root = f"/apis/{group}/{random.choice(('v1', 'v1beta1'))}" if group else "/api/v1"
    space, name = random.choice(SPACES), random.choice(NAMES)
    inside = random.random() < (0.1 if plural == "namespaces" else 0.8)
    parts = [root, *(["namespaces", space] if inside else []), plural, name, random.choice(SUBS)]
    path = "/".join(part for part in parts if part or random.random() < 0.02)
    if random.random() < 0.1:
        path = path.replace("shop", random.choice(("shop/../bank", "shop%2f..%2fbank", "./bank")))
    return Attempt(random.choice(METHODS), path, body(random, group), random.choice(PERMITS))


def body(random: Random, group: str) -> Any:
    """Objects, patches of all kinds, what is no object."""
    labels = random.choice(({}, {"a": "b"}, {CONSENT: "allow"}, {CONSENT: None}, None,
                            {"team": "bank"}, {"$patch": "replace"}))  # fmt: skip
    metadata: dict[str, Any] = {"name": random.choice(SPACES + NAMES), "labels": labels}
    if random.random() < 0.3:
        metadata["namespace"] = random.choice(SPACES)
    if random.random() < 0.2:
        metadata["annotations"] = {PAUSED: random.choice(("false", "yes", None))}
    spec = {"selector": {"namespaces": [random.choice(SPACES)]}} if random.random() < 0.5 else {}
    written = {"apiVersion": f"{group}/v1", "kind": "Thing", "metadata": metadata, "spec": spec}
    where = random.choice(("", "/metadata", "/metadata/labels", "/spec/x",
                           "/metadata/labels/resilience~1consent"))  # fmt: skip
    operation = random.choice(("add", "remove", "test", "move"))
    operations = [{"op": operation, "from": "/metadata/labels", "path": where}]
    return random.choice(
        (written, written, written, operations, None, b"a: b", {"items": [written]})
    )


def changes(one: Attempt) -> tuple[str, str, str, str]:
    """(namespace, group, resource, name) of what would change, with the path resolved."""
    path = posixpath.normpath(unquote(one.path).partition("?")[0])
    parts = [part for part in path.split("/") if part]
    group, rest = ("", parts[2:]) if parts[:1] == ["api"] else (parts[1], parts[3:])
    if rest[:1] == ["namespaces"] and len(rest) > 2 and rest[2] not in ("status", "finalize"):
        return rest[1], group, "/".join([*rest[2:3], *rest[4:5]]), "".join(rest[3:4])
    name = "".join(rest[1:2]) or named(one.body)
    inside = name if rest[:1] == ["namespaces"] else ""
    return inside, group, "/".join([*rest[:1], *rest[2:3]]), name


def named(body: Any) -> str:
    metadata = body.get("metadata") if isinstance(body, dict) else None
    return str((metadata or {}).get("name") or "")


def live(kind: Resource, name: str, namespace: str) -> Object | None:
    if kind != NAMESPACES or name not in LIVE:
        return None
    return {"metadata": {"name": name, "labels": LIVE[name]}}


def passes(one: Attempt) -> bool:
    try:
        Door(peek=live, permits=(one.permit,)).check(one.method, one.path, {}, one.body)
    except NotCovered:
        return False
    return True


def reads(one: Attempt) -> bool:
    subresource = changes(one)[2].partition("/")[2]
    return one.method == "GET" and subresource not in ("exec", "proxy")


def harm(one: Attempt) -> str:
    """What is wrong with letting it through; "" where that is right."""
    space, group, resource, name = changes(one)
    permit, kind = one.permit, resource.partition("/")[0]
    if permit.journal:
        own = kind in ("leases", "configmaps") and space == permit.journal
        new = kind == "namespaces" and name == permit.journal and one.method == "POST"
        return "" if own or new else "more than the journal"
    if kind == "namespaces" and not group:
        return namespace_harm(one, name)
    if not space:
        listed = kind == "clusterroles" and name == "a" and "roles" in permit.title
        return "" if listed or (kind == "nodes" and permit.nodes) else "outside of all namespaces"
    evicts = permit.nodes and resource == "pods/eviction" and "kube-" not in space
    if space not in permit.namespaces and not evicts:
        return f"namespace {space}"
    metadata = one.body.get("metadata", {}) if isinstance(one.body, dict) else {}
    if metadata.get("namespace") not in (None, "", space):
        return "another namespace in its body"
    if group == "chaos-mesh.org" and isinstance(one.body, dict):
        aimed = (one.body.get("spec") or {}).get("selector", {}).get("namespaces", [])
        return "" if set(aimed) <= permit.namespaces else "Chaos Mesh elsewhere"
    return ""


def namespace_harm(one: Attempt, name: str) -> str:
    if name.startswith("kube-") or name not in one.permit.namespaces:
        return f"Namespace {name}"
    if (name not in LIVE or one.method in ("POST", "DELETE")) and name not in one.permit.makes:
        return f"Namespace {name} made or deleted"
    metadata = one.body.get("metadata", {}) if isinstance(one.body, dict) else {}
    labels, notes = metadata.get("labels") or {}, metadata.get("annotations") or {}
    said, there = labels.get(CONSENT, "-"), LIVE.get(name, {}).get(CONSENT)
    if one.method != "DELETE" and (said not in ("-", there) or notes.get(PAUSED) is not None):
        return "consent"
    if one.method != "DELETE" and name in LIVE and name not in one.permit.makes:
        lost = LIVE[name].keys() - labels.keys() if one.method == "PUT" else ()
        new = [key for key, value in labels.items() if LIVE[name].get(key) != value]
        return "labels" if notes or lost or new else ""
    return ""


def test_of_ten_thousand_attempts_none_writes_past_the_door() -> None:
    random = Random(2026)
    tried = [attempt(random) for _ in range(ATTEMPTS)]
    through = [one for one in tried if passes(one)]
    assert [(harm(one), one) for one in through if not reads(one) and harm(one)] == []
    writes = [one for one in through if not reads(one)]
    assert len(writes) > 100  # the door is no wall
    assert {one.permit.title for one in writes} >= {"shop", "lab", "nodes", "journal"}


@given(st.randoms(use_true_random=False))
def test_no_generated_attempt_writes_past_the_door(random: Random) -> None:
    one = attempt(random)
    if passes(one) and not reads(one):
        assert harm(one) == ""


@pytest.mark.parametrize("broken", ["elsewhere", "changed", "altered"])
def test_the_attempts_find_a_door_that_does_not_look(
    broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from resilience.cluster.permit import door

    nothing: Any = frozenset() if broken == "elsewhere" else []
    monkeypatch.setattr(door, broken, lambda *_: nothing)
    random = Random(2026)
    tried = (attempt(random) for _ in range(ATTEMPTS))
    assert any(harm(one) for one in tried if passes(one) and not reads(one))
