"""Converts custom objects from one version to another: by changing only the apiVersion, or with a
webhook.

A webhook that has not been called yet ends the conversion with `Unanswered`; see `admission_hooks`.
"""

from __future__ import annotations

import uuid
from collections.abc import MutableMapping
from functools import partial
from typing import Any

from resilience.sandbox.apiserver.custom import conversion_reviews as reviews
from resilience.sandbox.apiserver.custom.conversion_reviews import ConversionFailed
from resilience.sandbox.apiserver.custom.custom_definition import Custom
from resilience.sandbox.apiserver.webhooks.hook_calls import Caller, HookUnreachable
from resilience.sandbox.apiserver.webhooks.unanswered import Unanswered
from resilience.sandbox.kube.api import ApiError, Obj

TIMEOUT = 30.0
"""Seconds that a conversion may take; no definition can change it."""
Answers = MutableMapping[str, Any]


class Converter:
    """Bound to one caller of webhooks."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def convert(self, custom: Custom, obj: Obj, target: str, answers: Answers) -> Obj:
        """The object with the apiVersion `target`; ApiError 500, Unanswered."""
        if obj["apiVersion"] == target:
            return obj
        if not custom.has(obj["apiVersion"]):
            raise ApiError(
                500,
                "",
                "request to convert CR from an invalid group/version: " + obj["apiVersion"],
            )
        if custom.webhook is None:
            return {**obj, "apiVersion": target}
        mark = reviews.fingerprint(custom, obj, target)
        if mark not in answers:
            ask = partial(self._ask, custom, obj, target)
            raise Unanswered(f"conversion webhook of {custom.name}", mark, ask)
        answer = answers[mark]
        if isinstance(answer, ConversionFailed):
            about = reviews.subject(obj)
            raise ApiError(500, "", f"conversion webhook for {about} {answer}")
        return reviews.restored(obj, answer)

    async def _ask(self, custom: Custom, obj: Obj, target: str) -> Obj | ConversionFailed:
        try:
            asked = reviews.question(custom, obj, target, str(uuid.uuid4()))
            config = (custom.webhook or {}).get("clientConfig") or {}
            return reviews.converted(asked, await self._caller.ask(config, asked, TIMEOUT))
        except HookUnreachable as error:
            return ConversionFailed(f"failed: {error}")
        except ConversionFailed as error:
            return error
