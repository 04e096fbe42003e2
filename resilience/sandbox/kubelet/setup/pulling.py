"""Pulling an image: it is in the catalogue, its registry requires a login, or the name is wrong.

Texts are containerd's and the kubelet's, followed by what the sandbox has and the remedy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from resilience.sandbox.images import catalogue, stand_ins
from resilience.sandbox.kubelet.base.backoff import INITIAL, LONGEST
from resilience.sandbox.kubelet.setup import pull_secrets

if TYPE_CHECKING:
    from resilience.sandbox.kubelet.pod.container import Container

INVALID_RETRY = 10.0


class Pull:
    """The pulls of one container, with their own back-off."""

    def __init__(self, container: Container) -> None:
        self._container = container
        self._delay = INITIAL

    async def pull(self) -> catalogue.Image | None:
        """The image, or None after having waited before the next try."""
        container, reference = self._container, self._container.state.spec["image"]
        own = container.pod.kubelet.config.images
        image = stand_ins.find(reference, own)
        mapped = stand_ins.mapping(reference, own)
        if image is not None and mapped and mapped.login:
            return await self._private(reference, image, mapped.login)
        if image is not None:
            text = "already present on machine and can be accessed by the pod"
            container.event("Normal", "Pulled", f'Container image "{reference}" {text}')
            return image
        if catalogue.canonical(reference) is None:
            await self._invalid(reference)
        elif container.state.spec.get("imagePullPolicy") == "Never":
            message = f'Container image "{reference}" is not present with pull policy of Never'
            container.wait_in("ErrImageNeverPull", message)
            container.event("Warning", "ErrImageNeverPull", message)
            container.event("Warning", "Failed", "Error: ErrImageNeverPull")
            await container.sleep(INVALID_RETRY)
        else:
            await self._absent(reference)
        return None

    async def _private(
        self, reference: str, image: catalogue.Image, login: str
    ) -> catalogue.Image | None:
        """The Pod's pull secrets are checked each time, as with the pull policy Always."""
        container, full = self._container, catalogue.canonical(reference)
        held = await pull_secrets.logins(
            container.pod.obj, container.pod.kubelet.references, str(full)
        )
        if held.missing:
            container.event("Warning", "FailedToRetrieveImagePullSecret", held.text)
        if login in held.logins:
            container.event("Normal", "Pulled", f'Successfully pulled image "{reference}"')
            return image
        denied = "pull access denied, repository does not exist or may require authorization"
        await self._refused(
            reference,
            f'failed to pull and unpack image "{full}": failed to resolve reference "{full}":'
            f" {denied}: {held.denial}",
        )
        return None

    async def _invalid(self, reference: str) -> None:
        message = (
            f'Failed to apply default image tag "{reference}": couldn\'t parse image name'
            f' "{reference}": invalid reference format'
        )
        self._container.wait_in("InvalidImageName", message)
        self._container.event("Warning", "InspectFailed", message)
        self._container.event("Warning", "Failed", "Error: InvalidImageName")
        await self._container.sleep(INVALID_RETRY)

    async def _absent(self, reference: str) -> None:
        container, full = self._container, catalogue.canonical(reference)
        have = stand_ins.known(container.pod.kubelet.config.images)
        message = (
            f'failed to pull and unpack image "{full}": failed to resolve reference "{full}":'
            f" {full}: not found (the sandbox has {have}; {stand_ins.REMEDY})"
        )
        await self._refused(reference, message)

    async def _refused(self, reference: str, message: str) -> None:
        container = self._container
        container.event("Normal", "Pulling", f'Pulling image "{reference}"')
        container.event("Warning", "Failed", f'Failed to pull image "{reference}": {message}')
        container.event("Warning", "Failed", "Error: ErrImagePull")
        container.wait_in("ErrImagePull", message)
        # The next sync, a moment later, finds the back-off running and reports it.
        await container.sleep(1.0)
        again = f'Back-off pulling image "{reference}"'
        container.event("Normal", "BackOff", again)
        container.event("Warning", "Failed", "Error: ImagePullBackOff")
        container.wait_in("ImagePullBackOff", f"{again}: ErrImagePull: {message}")
        await container.sleep(self._delay)
        self._delay = min(2 * self._delay, LONGEST)
