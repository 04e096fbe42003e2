"""Runs commands before and after a snapshot in the application's own containers: Velero's
annotations, by exec.

A plan's own `hooks:` run as well, before those of the annotations, and their counterparts run after
them. `pre.hook.backup.velero.io/{container,command,on-error,timeout}` and `post.hook...` on Pods. A
hook that fails fails the snapshot unless its `on-error` is `Continue`; Velero documents the same
default but behaves differently (its handler does not treat an empty value as `Fail`). Post hooks
always run, because frozen applications must be thawed.

A Pod may leave (an eviction, a rollout) before its command has run. Then nothing has failed: the
commands run in the Pods that came instead, and a Pod that is gone need not be thawed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from resilience.backup.data.command_pods import READY_WITHIN, TRIES, living
from resilience.backup.data.command_pods import container as container_of
from resilience.backup.data.container_stream import Exec, last_words
from resilience.backup.format.backup_clock import Clock
from resilience.backup.format.errors import BadRequest, HookFailed
from resilience.cluster.errors import ApiError
from resilience.cluster.interface import PODS, Cluster, Object
from resilience.kube import objects
from resilience.model.inside import PlanHook
from resilience.model.values import Duration

_DEFAULT_TIMEOUT = 30.0
_PAUSE = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """One command in one container. `uid` is its Pod's."""

    namespace: str
    pod: str
    uid: str
    container: str
    command: tuple[str, ...]
    required: bool
    timeout: float

    def __str__(self) -> str:
        return f"hook {' '.join(self.command)!r} in {self.namespace}/{self.pod} ({self.container})"


def hook(pod: Object, when: str) -> Hook | None:
    """The hook in a Pod's annotations; `when` is "pre" or "post"."""
    metadata = pod["metadata"]
    annotations = metadata.get("annotations") or {}
    prefix = f"{when}.hook.backup.velero.io/"
    text = annotations.get(prefix + "command", "")
    if not text:
        return None
    containers = [each["name"] for each in pod["spec"]["containers"]]
    container = annotations.get(prefix + "container", containers[0])
    where = f"Pod {metadata['namespace']}/{metadata['name']}, annotation {prefix}"
    if container not in containers:
        raise BadRequest(
            f"{where}container: there is no container {container!r}; there are "
            f"{', '.join(containers)}"
        )
    on_error = annotations.get(prefix + "on-error", "Fail")
    if on_error not in ("Fail", "Continue"):
        raise BadRequest(f"{where}on-error: {on_error!r} is neither Fail nor Continue")
    return Hook(
        namespace=metadata["namespace"],
        pod=metadata["name"],
        uid=objects.uid(pod),
        container=container,
        command=_command(text),
        required=on_error == "Fail",
        timeout=_timeout(annotations.get(prefix + "timeout", ""), where),
    )


def _command(text: str) -> tuple[str, ...]:
    """The command as Velero reads it: a JSON list, or one word."""
    if text.startswith("["):
        try:
            words = json.loads(text)
        except ValueError:
            raise BadRequest(f"hook command {text!r} is not a JSON list") from None
        return tuple(map(str, words))
    return (text,)


def _timeout(text: str, where: str) -> float:
    try:
        return Duration.parse(text).seconds if text else _DEFAULT_TIMEOUT
    except ValueError as problem:
        raise BadRequest(f"{where}timeout: {text!r}; expected {problem}") from None


def around(
    cluster: Cluster,
    namespaces: Sequence[str],
    exec_: Exec,
    tell: Callable[[str], None],
    planned: Sequence[PlanHook] = (),
    *,
    clock: Clock,
) -> Callable[[], AbstractContextManager[None]]:
    """For `Request.hooks`. `tell` receives the failures that may be ignored."""
    return _Hooks(cluster=cluster, namespaces=sorted(namespaces), exec=exec_, tell=tell,
                  planned=planned, clock=clock).around  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class _Hooks:
    cluster: Cluster
    namespaces: Sequence[str]
    exec: Exec
    tell: Callable[[str], None]
    planned: Sequence[PlanHook]
    clock: Clock

    @contextmanager
    def around(self) -> Iterator[None]:
        """The commands before and after a block."""
        before, after = self._listed()
        try:
            ran, tries = set[Hook](), 1
            while lost := self._run_new(before, ran):
                if tries == TRIES:
                    raise lost
                tries += 1
                before, more = self._listed_again()
                after = [*(each for each in more if each not in after), *after]
            yield
        finally:
            self._run_all(after)

    def _listed(self) -> tuple[list[Hook], list[Hook]]:
        pods = [pod for name in self.namespaces for pod in living(self.cluster, name)]
        before, after = _of_plan(self.planned, self.cluster, self.namespaces)
        before += [found for pod in pods if (found := hook(pod, "pre"))]
        after[:0] = [found for pod in pods if (found := hook(pod, "post"))]
        return before, after

    def _listed_again(self) -> tuple[list[Hook], list[Hook]]:
        """Once the Pods that come instead of others run: until then they have no hook."""
        until = self.clock.monotonic() + READY_WITHIN
        while self._are_changing() and self.clock.monotonic() < until:
            self.clock.wait(_PAUSE)
        return self._listed()

    def _are_changing(self) -> bool:
        pods = (pod for name in self.namespaces for pod in self.cluster.list(PODS, name))
        return any(
            objects.is_terminating(pod) or objects.phase(pod) in ("", "Pending")
            for pod in pods
            if not objects.is_ours(pod)
        )

    def _run_new(self, hooks: Sequence[Hook], ran: set[Hook]) -> HookFailed | None:
        """Run those that have not run yet; the failure of one whose Pod has left is returned."""
        lost = None
        for each in hooks:
            if each in ran:
                continue
            try:
                self._run(each)
            except HookFailed as problem:
                if not self._has_left(each):
                    raise
                lost = problem
            else:
                ran.add(each)
        return lost

    def _run_all(self, hooks: Sequence[Hook]) -> None:
        """Run all post hooks: a failing one must not keep other applications frozen."""
        failed: list[HookFailed] = []
        for each in hooks:
            try:
                self._run(each)
            except HookFailed as problem:
                if self._has_left(each):
                    self.tell(f"{problem}; its Pod has left meanwhile")
                else:
                    failed.append(problem)
        if failed:
            raise failed[0]

    def _has_left(self, each: Hook) -> bool:
        now = living(self.cluster, each.namespace)
        return all(objects.uid(pod) != each.uid for pod in now)

    def _run(self, each: Hook) -> None:
        problem = self._problem(each)
        if problem and each.required:
            raise HookFailed(f"{each} {problem}")
        if problem:
            self.tell(f"{each} {problem}")

    def _problem(self, each: Hook) -> str:
        """What went wrong; "" if nothing did."""
        try:
            ended = self.exec.run(
                each.namespace, each.pod, each.container, each.command, timeout=each.timeout
            )
        except ApiError as error:
            return f"could not run: {error}"
        if ended.status == 0:
            return ""
        how = "never ended" if ended.status is None else f"ended with {ended.status}"
        return f"{how}: {last_words(ended)}"


def wants_hooks(cluster: Cluster, namespace: str) -> bool:
    """Whether annotations of a Pod in these namespaces define commands."""
    pods = cluster.list(PODS, namespace)
    return any(hook(pod, when) for pod in pods for when in ("pre", "post"))


def _of_plan(
    planned: Sequence[PlanHook], cluster: Cluster, namespaces: Sequence[str]
) -> tuple[list[Hook], list[Hook]]:
    before, after = list[Hook](), list[Hook]()
    for each in planned:
        pods = [pod for name in sorted(namespaces) for pod in living(cluster, name, each.pods)]
        if not pods and not each.optional:
            raise HookFailed(
                f"a hook of the plan needs Pods {each.pods}, but none runs in "
                f"{', '.join(namespaces)}; write `optional: true` if that is acceptable"
            )
        before += [_planned(each, pod, each.before) for pod in pods if each.before]
        after[:0] = [_planned(each, pod, each.after) for pod in pods if each.after]
    return before, after


def _planned(each: PlanHook, pod: Object, command: Sequence[str]) -> Hook:
    return Hook(
        namespace=pod["metadata"]["namespace"],
        pod=pod["metadata"]["name"],
        uid=objects.uid(pod),
        container=container_of(pod, each.container, "a hook of the plan"),
        command=tuple(command),
        required=not each.optional,
        timeout=each.timeout.seconds,
    )
