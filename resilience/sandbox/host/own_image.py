"""What stands in for an image that the sandbox does not have: one entry of the user's own mapping.

A plain value that travels from the owner to every process of the sandbox. `images.own_images` reads
it from a file, `images.stand_ins` makes an image of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnImage:
    """`pattern` is a glob of image references; `base` the image of the catalogue that runs.

    `line` is the command line that replaces the image's own, () where `base` runs as it is.
    `workdir` is an absolute directory of this machine, "" for the base's. `commands` maps the name
    of a program to the command line that runs in its place. `login` is "USER:PASSWORD" of the
    private registry that the image is in, "" for a public one. `user` is the user that the image
    runs as, a number or a name; "" if it is not set.
    """

    pattern: str
    base: str
    line: tuple[str, ...] = ()
    workdir: str = ""
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    commands: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    ignore_command: bool = False
    login: str = field(default="", repr=False)
    user: str = ""

    def dump(self) -> dict[str, Any]:
        """As plain JSON."""
        return asdict(self)

    @classmethod
    def load(cls, data: Mapping[str, Any]) -> OwnImage:
        """The inverse of `dump`."""
        commands = {name: tuple(line) for name, line in data["commands"].items()}
        return cls(**{**data, "line": tuple(data["line"]), "commands": commands})
