"""Images found by name: the user's own mapping first, then the catalogue.

An own image is an image of the catalogue with another command line. Placeholders in that line and
in its environment are filled when a container starts: `{args}` (a word of its own) are the
container's arguments, `{pod_ip}` the Pod's address, `{mount:/data}` the real directory of a volume.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

from resilience.sandbox.host.own_image import OwnImage
from resilience.sandbox.images import catalogue
from resilience.sandbox.images.catalogue import Image

REMEDY = (
    "map it under [tool.resilience.sandbox.images] in pyproject.toml or [sandbox.images] in"
    " resilience.toml, or run on a real cluster; see docs/how-to/own-image.md"
)
_PLACE = re.compile(r"\{(pod_ip|mount:([^{}]+))\}")


class NotMounted(Exception):
    """A placeholder names a path at which the container has no volume."""


def find(reference: str, own: Sequence[OwnImage] = ()) -> Image | None:
    """The image that `reference` names, or None if there is none of that name."""
    mapped = mapping(reference, own)
    return catalogue.find(reference) if mapped is None else _image(mapped)


def mapping(reference: str, own: Sequence[OwnImage]) -> OwnImage | None:
    """The first entry of the user's own that covers it."""
    return next((each for each in own if matches(each.pattern, reference)), None)


def matches(pattern: str, reference: str) -> bool:
    """Whether the glob covers the reference, as written or completed; a pattern without a tag
    covers every tag. A digest counts only where the pattern has one, and a tag then does not."""
    full = catalogue.canonical(reference)
    if full is None:
        return False
    written, _, digest = reference.partition("@")
    names = {written, full}
    wanted, at, _ = pattern.partition("@")
    if at or ":" not in wanted.rpartition("/")[2]:
        names |= {_untagged(name) for name in names}
    return any(fnmatchcase(f"{name}@{digest}" if at else name, pattern) for name in names)


def _untagged(name: str) -> str:
    folder, slash, last = name.rpartition("/")
    return folder + slash + last.partition(":")[0]


def _image(own: OwnImage) -> Image:
    base = catalogue.IMAGES[own.base]
    return replace(
        base,
        stand_in=own.line,
        ignore_command=own.ignore_command,
        workdir=own.workdir,
        working_directory=own.workdir or base.working_directory,
        settings=own.environment,
        commands=own.commands,
        user=own.user or None,
    )


def argv(image: Image, command: Sequence[str], args: Sequence[str]) -> list[str]:
    """What a container runs.

    A stand-in's line runs in place of the image's, and in place of a `command` that the stand-in
    does not have; with `ignore_command` in place of every command.
    """
    if image.ignore_command:
        command = ()
        args = args if image.stand_in else ()
    if not image.stand_in or (command and catalogue.has_program(image, command[0])):
        return catalogue.argv(image, command, args)
    return [word for each in image.stand_in for word in (args if each == "{args}" else (each,))]


def filled(text: str, address: str, mounts: Iterable[tuple[str, str]]) -> str:
    """`text` with its placeholders filled; NotMounted if it names a volume that is not there."""
    places = dict(mounts)

    def fill(match: re.Match[str]) -> str:
        if match[2] is None:
            return address
        if match[2] not in places:
            raise NotMounted(f"{match[0]}: the container has no volume at {match[2]}")
        return places[match[2]]

    return _PLACE.sub(fill, text)


def unknown(references: Iterable[str], own: Sequence[OwnImage]) -> list[str]:
    """The references without an image, in order and once each."""
    return [name for name in dict.fromkeys(references) if find(name, own) is None]


def known(own: Sequence[OwnImage]) -> str:
    """The known images, for a message."""
    names = [image.repository for image in catalogue.IMAGES.values() if image.repository]
    return ", ".join([*(each.pattern for each in own), *(f"{name}:*" for name in names)])


def listing(own: Sequence[OwnImage]) -> Mapping[str, str]:
    """Each pattern and what runs for it, in the order in which they are tried."""
    mapped: dict[str, str] = {}
    for each in own:
        line = " ".join(each.line).removeprefix("/local ")
        mapped.setdefault(each.pattern, line or f"image {each.base}")
    for image in catalogue.IMAGES.values():
        for repository in (image.repository, *image.also) if image.repository else ():
            mapped.setdefault(f"{repository}:*", f"image {image.name}")
    return mapped
