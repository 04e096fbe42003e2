"""The webhooks of admission: mutating ones one after another, then the validating ones.

A write cannot wait for an answer: see `unanswered`. The sandbox's own controllers try again
through their queue. An answer is used for one write only. Source:
k8s.io/apiserver/pkg/admission/plugin/webhook/{mutating,validating}/dispatcher.go.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from resilience.sandbox.apiserver.webhooks import hook_conditions, hook_reviews
from resilience.sandbox.apiserver.webhooks.hook_calls import Caller, HookUnreachable
from resilience.sandbox.apiserver.webhooks.hook_matching import GROUP, Attempt, Hook, concerns
from resilience.sandbox.apiserver.webhooks.unanswered import Unanswered, settled
from resilience.sandbox.kube.api import ApiError, Change, NoAnswerYet, Obj
from resilience.sandbox.kube.call import SYSTEM, Call

if TYPE_CHECKING:
    from resilience.sandbox.apiserver.registry.registry import Registry

T = TypeVar("T")
_REMEMBERED = 5.0
"""Seconds for which an answer to a controller waits for its next try."""


class AdmissionHooks:
    """Follows the configurations of one registry."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._configurations: dict[tuple[bool, str], Obj] = {}
        self._hooks: dict[bool, list[Hook]] = {True: [], False: []}
        self.caller = Caller(registry)
        self._for_controllers: dict[str, Any] = {}
        self._asking: dict[str, asyncio.Task[None]] = {}
        self._namespaces = registry.resource("namespaces")
        for plural, mutating in (("mutating", True), ("validating", False)):
            resource = registry.resource(f"{plural}webhookconfigurations", GROUP)
            registry.subscribe(resource, self._follow(mutating))

    def _follow(self, mutating: bool) -> Callable[[Change], None]:
        def changed(change: Change) -> None:
            key = (mutating, change.obj["metadata"]["name"])
            self._configurations.pop(key, None)
            if change.type != "DELETED":
                self._configurations[key] = change.obj
            self._hooks[mutating] = [
                Hook(configuration=name, mutating=mutating, spec=spec)
                for (kind, name), obj in sorted(self._configurations.items())
                if kind is mutating
                for spec in obj.get("webhooks") or ()
            ]

        return changed

    # -- admission -------------------------------------------------------------------------------

    def mutate(self, attempt: Attempt, again: Callable[[Obj], None]) -> Obj:
        """The object after every mutating webhook; `again` completes it after each change."""
        obj = attempt.obj
        seen: dict[str, Obj] = {}
        if obj is None or not self._hooks[True]:
            return obj or {}
        changed_by: list[str] = []
        for second in (False, True):
            for hook in self._concerned(True, attempt):
                wants = hook.spec.get("reinvocationPolicy") == "IfNeeded"
                others = [name for name in changed_by if name != hook.name]
                if second and not (wants and others and seen.get(hook.name) != obj):
                    continue
                now = _with(attempt, obj)
                response = self._response(hook, now)
                fresh = obj if response is None else self._mutated(hook, obj, response)
                seen[hook.name] = fresh
                if fresh is not obj:
                    again(fresh)
                    obj = fresh
                    changed_by.append(hook.name)
        return obj

    def validate(self, attempt: Attempt) -> None:
        """ApiError if a validating webhook, or a mutating one on a deletion, denies."""
        kinds: Iterable[bool] = (True, False) if attempt.obj is None else (False,)
        for mutating in kinds:
            for hook in self._concerned(mutating, attempt):
                self._response(hook, attempt)

    def _concerned(self, mutating: bool, attempt: Attempt) -> list[Hook]:
        if not self._hooks[mutating]:
            return []
        namespace = None
        if attempt.namespace:
            namespace = self._registry.find(self._namespaces, "", attempt.namespace)
        return [hook for hook in self._hooks[mutating] if concerns(hook, attempt, namespace)]

    def _response(self, hook: Hook, attempt: Attempt) -> Obj | None:
        """The answer that allows, None if no webhook has to be called; ApiError."""
        if not hook_conditions.hold(hook, attempt):
            return None
        if attempt.call.dry_run and hook.spec.get("sideEffects") not in ("None", "NoneOnDryRun"):
            why = f'admission webhook "{hook.name}" does not support dry run'
            raise ApiError(400, "BadRequest", why)
        question = hook_reviews.review(attempt)
        mark = hook_reviews.fingerprint(hook, question)
        answers = self._for_controllers if attempt.call is SYSTEM else attempt.call.answers
        if mark not in answers:
            missing = Unanswered(f'webhook "{hook.name}"', mark, partial(self._ask, hook, question))
            raise self._later(missing) if attempt.call is SYSTEM else missing
        answer = answers[mark]
        if isinstance(answer, HookUnreachable):
            if hook.fails_open:
                return None
            why = f'failed calling webhook "{hook.name}": failed to call webhook: {answer}'
            raise ApiError(500, "InternalError", f"Internal error occurred: {why}")
        if not answer.get("allowed"):
            raise hook_reviews.refusal(hook, answer)
        for text in answer.get("warnings") or ():
            if text not in attempt.call.warnings:
                attempt.call.warnings.append(text)
        return dict(answer)

    def _mutated(self, hook: Hook, obj: Obj, response: Obj) -> Obj:
        try:
            return hook_reviews.mutated(obj, response)
        except hook_reviews.WrongAnswer as error:
            if hook.fails_open:
                return obj
            why = f'failed calling webhook "{hook.name}": {error}'
            raise ApiError(500, "InternalError", f"Internal error occurred: {why}") from error

    # -- asking ----------------------------------------------------------------------------------

    async def settle(self, act: Callable[[], T], call: Call) -> T:
        """Execute a write that may need answers."""
        return await settled(act, call.answers)

    def _later(self, missing: Unanswered) -> ApiError:
        """For a controller, which retries: call the webhooks meanwhile."""
        if missing.mark not in self._asking:
            task = asyncio.get_running_loop().create_task(self._ask_for_controllers(missing))
            self._asking[missing.mark] = task
        return NoAnswerYet(503, "ServiceUnavailable", f"waiting for {missing.name}")

    async def _ask_for_controllers(self, missing: Unanswered) -> None:
        mark = missing.mark
        try:
            self._for_controllers[mark] = await missing.ask()
        finally:
            del self._asking[mark]
        asyncio.get_running_loop().call_later(
            _REMEMBERED, lambda: self._for_controllers.pop(mark, None)
        )

    async def _ask(self, hook: Hook, question: Obj) -> Any:
        try:
            config = hook.spec.get("clientConfig") or {}
            return hook_reviews.checked(
                question, await self.caller.ask(config, question, hook.timeout)
            )
        except HookUnreachable as error:
            return error
        except hook_reviews.WrongAnswer as error:
            return HookUnreachable(str(error))


def _with(attempt: Attempt, obj: Obj) -> Attempt:
    import dataclasses

    return dataclasses.replace(attempt, obj=obj)
