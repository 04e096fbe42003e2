"""Which Pods each selector matches, updated Pod by Pod.

Services and disruption budgets need this at every change of a Pod; scanning a namespace each time
would make a rollout quadratic. A scan happens only when a selector is new or changed.
"""

from __future__ import annotations

from resilience.sandbox.kube.api import Api, Change, Obj, Resource
from resilience.sandbox.kube.object_edits import key_of, labels_of
from resilience.sandbox.kube.selector_index import Key, Selector, SelectorIndex


class Membership:
    """Selectors by key, and the Pods of each."""

    def __init__(self, api: Api, pods: Resource) -> None:
        self._api = api
        self._pods = pods
        self._selectors = SelectorIndex()
        self._members: dict[Key, set[Key]] = {}

    def put(self, key: Key, selector: Selector) -> None:
        """Register or replace a selector."""
        if self._selectors.get(key) == selector:
            return
        self._selectors.put(key, selector)
        self._members[key] = {
            key_of(pod)
            for pod in self._api.list(self._pods, key[0])
            if selector.matches(labels_of(pod))
        }

    def discard(self, key: Key) -> None:
        """Forget a selector."""
        self._selectors.discard(key)
        self._members.pop(key, None)

    def observe(self, change: Change) -> set[Key]:
        """A Pod changed: keys of the selectors that select it now or did before."""
        namespace = change.obj["metadata"]["namespace"]
        pod = key_of(change.obj)
        before = set()
        if change.old is not None:
            before = set(self._selectors.matching(namespace, labels_of(change.old)))
        after = set()
        if change.type != "DELETED":
            after = set(self._selectors.matching(namespace, labels_of(change.obj)))
        for key in before - after:
            self._members[key].discard(pod)
        for key in after:
            self._members[key].add(pod)
        return before | after

    def pods(self, key: Key) -> list[Obj]:
        """The selected Pods, by name."""
        found = (self._api.find(self._pods, *pod) for pod in sorted(self._members.get(key, ())))
        return [pod for pod in found if pod is not None]
