"""A claim mounted by a helper Pod, for as long as a block runs.

The helper runs on the node of a Pod that uses the claim, since a ReadWriteOnce volume can be
mounted nowhere else; a ReadWriteOncePod claim in use cannot be mounted at all and is refused by
name. A claim that is read is mounted read-only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from resilience.backup.data.helper.helper_holder import HOLDER, holder, runs_here
from resilience.backup.data.helper.helper_pod import RUN, helper, in_place_of, name_of, uses
from resilience.backup.format.backup_clock import Clock
from resilience.backup.format.errors import HelperLost, VolumeFailed
from resilience.cluster import helper_pods
from resilience.cluster.errors import ClusterError, Conflict, Forbidden, NotFound
from resilience.cluster.helper_pods import HelperAccess
from resilience.cluster.interface import CLAIMS, PODS, Cluster, Object
from resilience.cluster.stand_in import NOBODY, StandIn
from resilience.kube import objects

TRIES = 3
"""How often a helper that was lost is started again."""

_WITHIN = 120.0
_PAUSE = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimMounts:
    """`run` is the name of the snapshot or the restore; `users` are stand-ins for the Pods that
    would mount a claim that nothing mounts yet."""

    cluster: Cluster
    clock: Clock
    run: str
    image: str
    users: Mapping[tuple[str, str], StandIn]

    @contextmanager
    def mounted(self, namespace: str, claim: str, *, writing: bool) -> Iterator[str]:
        """The name of a helper Pod that mounts the claim at /volume and runs while the block does.

        `HelperLost` when the Pod was removed meanwhile (an eviction, a node that died).
        """
        with self._none_left(namespace, claim):
            pod = self._running(namespace, claim, writing=writing)
            try:
                yield objects.name(pod)
            except (VolumeFailed, ClusterError) as problem:
                if self._is_there(pod):
                    raise
                text = f"{problem}; its helper Pod was deleted in the meantime"
                raise HelperLost(text) from problem
            finally:
                helper_pods.remove(self.cluster, pod)

    @contextmanager
    def _none_left(self, namespace: str, claim: str) -> Iterator[None]:
        """A signal may come before the answer to the helper's creation has been read: the Pod is
        there, and nothing else knows of it."""
        try:
            yield
        except BaseException:
            with suppress(ClusterError):
                pod = self.cluster.get(PODS, name_of(claim), namespace)
                made = (objects.annotation(pod, HOLDER), objects.annotation(pod, RUN))
                if made == (holder(), self.run):
                    helper_pods.remove(self.cluster, pod)
            raise

    def _running(self, namespace: str, claim: str, *, writing: bool) -> Object:
        """A running helper. If the volume's user moves to another node, so does the helper."""
        tries = 0
        while True:
            tries += 1
            user = self._staying_user(namespace, claim)
            pod = self._admitted(namespace, claim, user, writing)
            try:
                self._wait_running(pod, claim, objects.node(user))
            except BaseException as problem:
                helper_pods.remove(self.cluster, pod)
                if not isinstance(problem, HelperLost) or tries == TRIES:
                    raise
            else:
                return pod

    def _admitted(self, namespace: str, claim: str, user: Object, writing: bool) -> Object:
        """As root, which can read and restore the files of any user; in a namespace whose
        PodSecurity forbids that, as the user of the Pod that mounts the claim."""

        stands_in = self.users.get((namespace, claim), NOBODY)
        if user:
            stands_in = in_place_of(user["spec"], claim)

        def body(access: HelperAccess) -> Object:
            return helper(
                claim,
                namespace,
                image=helper_pods.image(self.cluster, self.image),
                run=self.run,
                writing=writing,
                node=objects.node(user),
                stands_in=stands_in,
                access=access,
            )

        try:
            return self._created(body(HelperAccess.FILES), namespace)
        except Forbidden as problem:
            if "PodSecurity" not in str(problem):
                raise
            return self._created(body(HelperAccess.RESTRICTED), namespace)

    def _is_there(self, pod: Object) -> bool:
        try:
            now = self.cluster.get(PODS, objects.name(pod), objects.namespace(pod))
        except NotFound:
            return False
        return objects.uid(now) == objects.uid(pod) and not objects.is_terminating(now)

    def _created(self, body: Object, namespace: str) -> Object:
        """A helper with the same name belongs to a killed run, unless its process still runs."""
        try:
            return self.cluster.create(PODS, body, namespace)
        except Conflict:
            there = self.cluster.get(PODS, objects.name(body), namespace)
        self._replace(there)
        return self.cluster.create(PODS, body, namespace)

    def _replace(self, there: Object) -> None:
        """Remove a helper of another run, once its process is dead, and wait until it is gone:
        its program must not write concurrently."""
        title, run = objects.title(there), objects.annotation(there, RUN)
        made_by = objects.annotation(there, HOLDER)
        if not objects.is_ours(there) or (not made_by and run != self.run):
            raise VolumeFailed(
                f"Pod {title} exists, and no run claims to have created it: delete it, if it is "
                "a leftover, and try again"
            )
        if runs_here(made_by) and made_by != holder():
            raise VolumeFailed(
                f"Pod {title} exists: {run or 'another run'} works on this volume now; wait for it "
                "to end"
            )
        with suppress(NotFound, Conflict):
            self.cluster.delete(
                PODS, objects.name(there), objects.namespace(there), grace=1, uid=objects.uid(there)
            )
        until = self.clock.monotonic() + _WITHIN
        while self._is_known(there):
            if self.clock.monotonic() >= until:
                raise VolumeFailed(f"Pod {title} was deleted, but still exists; try again later")
            self.clock.wait(_PAUSE)

    def _is_known(self, pod: Object) -> bool:
        try:
            now = self.cluster.get(PODS, objects.name(pod), objects.namespace(pod))
        except NotFound:
            return False
        return objects.uid(now) == objects.uid(pod)

    def _staying_user(self, namespace: str, claim: str) -> Object:
        """A Pod that uses the claim. While the only one with a node terminates, this waits for its
        end: a drain would evict the helper as well, and a volume that the helper holds on that node
        could not follow to the successor's."""
        until = self.clock.monotonic() + _WITHIN
        while True:
            user = self._user(namespace, claim)
            if not objects.is_terminating(user) or self.clock.monotonic() >= until:
                return user
            self.clock.wait(_PAUSE)

    def _user(self, namespace: str, claim: str) -> Object:
        """A Pod that uses the claim, preferably one with a node that does not terminate; {} when
        none does."""
        spec = self.cluster.get(CLAIMS, claim, namespace)["spec"]
        modes = spec.get("accessModes") or ()
        if spec.get("volumeMode") == "Block":
            raise VolumeFailed(
                f"volume {namespace}/{claim} is a raw block device: it has no files to take or "
                "restore; back up its content with an application dump"
            )
        users = [pod for pod in self.cluster.list(PODS, namespace) if uses(pod, claim)]
        if users and "ReadWriteOncePod" in modes:
            raise VolumeFailed(
                f"volume {namespace}/{claim} is ReadWriteOncePod and used by Pod "
                f"{users[0]['metadata']['name']}: no second Pod can mount it; use an application "
                "dump, or `from: snapshot` or `from: clone` if the driver supports it"
            )
        return min(
            users, key=lambda pod: (not objects.node(pod), objects.is_terminating(pod)), default={}
        )

    def _wait_running(self, pod: Object, claim: str, node: str) -> None:
        until = self.clock.monotonic() + _WITHIN
        namespace = objects.namespace(pod)
        while True:
            now = self._now(pod)
            if objects.phase(now) == "Running":
                return
            if (
                objects.is_finished(now)
                or helper_pods.hopeless(now)
                or self.clock.monotonic() >= until
            ):
                raise VolumeFailed(
                    f"volume {namespace}/{claim}: its helper Pod {objects.name(pod)} is "
                    f"{objects.phase(now) or 'Pending'} after at most {_WITHIN:.0f}s: "
                    f"{helper_pods.why_not_running(now)}"
                )
            if node and objects.node(self._user(namespace, claim)) not in ("", node):
                raise HelperLost(f"volume {namespace}/{claim}: its user left {node}")
            self.clock.wait(_PAUSE)

    def _now(self, pod: Object) -> Object:
        try:
            return self.cluster.get(PODS, objects.name(pod), objects.namespace(pod))
        except NotFound as problem:
            raise HelperLost(f"the helper Pod {objects.title(pod)} was deleted") from problem
