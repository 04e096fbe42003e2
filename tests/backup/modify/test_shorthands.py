"""Another registry and another number of replicas: what they change and what they leave."""

from __future__ import annotations

import pytest

from resilience.backup.format.errors import BadRequest
from resilience.backup.modify.shorthands import Registry, Replicas, completed
from resilience.cluster.interface import Object
from tests.backup.fakes import deployment


@pytest.mark.parametrize(
    ("rule", "image", "expected"),
    [
        ("docker.io=m.example.com", "nginx", "m.example.com/library/nginx"),
        ("docker.io=m.example.com", "acme/web:1", "m.example.com/acme/web:1"),
        ("docker.io=m.example.com", "docker.io/acme/web:1", "m.example.com/acme/web:1"),
        ("docker.io=m.example.com", "index.docker.io/a/b", "m.example.com/a/b"),
        ("docker.io=m.example.com", "ghcr.io/a/b", "ghcr.io/a/b"),
        ("docker.io=m.example.com", "localhost/a", "localhost/a"),
        ("ghcr.io/acme=r.example.com:5000/x", "ghcr.io/acme/web@sha256:ab",
         "r.example.com:5000/x/web@sha256:ab"),
        ("ghcr.io/acme=r.example.com/x", "ghcr.io/acme2/web", "ghcr.io/acme2/web"),
        ("ghcr.io/acme/web=r.example.com/web", "ghcr.io/acme/web:2", "r.example.com/web:2"),
        ("ghcr.io/acme/web=r.example.com/web", "ghcr.io/acme/web", "r.example.com/web"),
        ("r.example.com:5000=m.example.com", "r.example.com:5000/a", "m.example.com/a"),
    ],
)  # fmt: skip
def test_an_image_moves_with_its_path_tag_and_digest(rule: str, image: str, expected: str) -> None:
    obj = deployment("web", initContainers=[{"name": "i", "image": image}])
    obj["spec"]["template"]["spec"]["containers"][0]["image"] = image
    pointers = list(Registry.parse(rule).change("deployments.apps", obj))
    spec = obj["spec"]["template"]["spec"]
    assert {spec["containers"][0]["image"], spec["initContainers"][0]["image"]} == {expected}
    assert len(pointers) == (0 if image == expected else 2)


@pytest.mark.parametrize("text", ["", "a", "=b", "a=", "a=b=c", "https://a=b", "a=/b", "A=b"])
def test_what_is_no_pair_of_registries_is_refused(text: str) -> None:
    with pytest.raises(BadRequest, match="expected OLD=NEW"):
        Registry.parse(text)


@pytest.mark.parametrize("image", ["nginx", "a/b", "r.io/a", "localhost/a", "r:5/a"])
def test_completing_twice_changes_nothing_more(image: str) -> None:
    assert completed(completed(image)) == completed(image)


def test_replicas_are_of_what_kubernetes_itself_replicates() -> None:
    web = deployment("web")
    assert list(Replicas(0).change("deployments.apps", web)) == ["/spec/replicas"]
    assert web["spec"]["replicas"] == 0
    assert not list(Replicas(0).change("deployments.apps", web))
    custom: Object = {"apiVersion": "example.com/v1", "kind": "Deployment",
                      "metadata": {"name": "x"}, "spec": {"replicas": 3}}  # fmt: skip
    daemons: Object = {"apiVersion": "apps/v1", "kind": "DaemonSet",
                       "metadata": {"name": "x"}, "spec": {}}  # fmt: skip
    for obj in (custom, daemons):
        assert not list(Replicas(0).change("any", obj))
