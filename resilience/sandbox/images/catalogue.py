"""Which images exist, their default command, and their programs.

Any other name ends in `ErrImagePull`, as a wrong name would on a real cluster, unless the user maps
it (see `own_images`). Tags are not distinguished: every `python:*` is the interpreter that runs the
sandbox.
"""

from __future__ import annotations

import importlib
import json
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

from resilience.sandbox.images.text.command_line import Refused

Program = Callable[[list[str]], int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """One image: `programs` maps each allowed argv[0] to "module:function"."""

    name: str
    repository: str
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    """Other repositories of the same image."""
    programs: dict[str, str]
    working_directory: str = "/"
    directories: tuple[str, ...] = ()
    """Directories of its own, below system directories that are otherwise the machine's."""
    environment: dict[str, str]
    user: str | None = "0"
    """Whom its processes run as, a number or a name; None where nobody said."""
    stand_in: tuple[str, ...] = ()
    """The command line of a mapping of the user's, in place of the image's own."""
    ignore_command: bool = False
    workdir: str = ""
    """Directory of this machine that the container sees under its own name."""
    settings: Mapping[str, str] = field(default_factory=dict)
    """Environment of a mapping: it counts more than the container's."""
    commands: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Program to the command line that runs in its place."""


IMAGE_VARIABLE = "RESILIENCE_IMAGE"
COMMANDS_VARIABLE = "RESILIENCE_COMMANDS"
PATH = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
_HERE = "resilience.sandbox.images"
_TOOLS = {
    "toolbox": "echo env false hostname kill mkdir rm sh sleep test true",
    "awk.awk": "awk",
    "text.concatenating": "cat",
    "text.columns": "cut expand fold nl paste rev tac",
    "text.counting": "wc",
    "text.digests": "base64 md5sum sha1sum sha256sum sha512sum",
    "text.dumping": "od xxd",
    "text.ends": "head tail",
    "text.expr": "expr",
    "text.grep": "grep",
    "text.printing": "printf seq tee yes",
    "text.sed": "sed",
    "text.sorting": "comm shuf sort uniq",
    "text.translating": "tr",
    "text.xargs": "nproc xargs",
    "files.disk_amounts": "df du fallocate truncate",
    "files.comparing": "cmp diff",
    "files.find": "find",
    "files.directory_listing": "ls",
    "files.placing": "install mktemp realpath split unlink",
    "files.status": "stat",
    "files.file_times": "date touch",
    "file_tools": "basename chmod chown cp dd dirname ln mv readlink rmdir sync",
    "system_tools": "id printenv uname usleep which whoami",
    "starting": "nice nohup setsid time timeout",
    "tar": "tar",
    "byte_tools": "gunzip gzip hexdump uptime zcat",
}
TOOLS = {
    name: f"{_HERE}.{module}:{name}_" for module, names in _TOOLS.items() for name in names.split()
}
TOOLS |= {
    "ash": TOOLS["sh"],
    "bash": TOOLS["sh"],
    "chgrp": TOOLS["chown"],
    "egrep": TOOLS["grep"],
    "fgrep": TOOLS["grep"],
}
_NETWORK = {name: f"{_HERE}.net_tools:{name}_" for name in ("curl", "nc", "nslookup", "wget")}
_NETWORK |= {name: f"{_HERE}.name_tools:{name}_" for name in ("dig", "getent")}
_AGNHOST = "resilience.sandbox.images.agnhost.agnhost_main:main"
_PYTHON = "resilience.sandbox.images.python:main"
PAUSE = Image(
    name="pause",
    repository="registry.k8s.io/pause",
    entrypoint=("/pause",),
    programs={"/pause": "resilience.sandbox.images.pause:main"},
    environment=PATH,
    user="65535",
)
AGNHOST = Image(
    name="agnhost",
    repository="registry.k8s.io/e2e-test-images/agnhost",
    entrypoint=("/agnhost",),
    command=("pause",),
    programs={"/agnhost": _AGNHOST, "/agnhost-2": _AGNHOST, **TOOLS, **_NETWORK},
    environment=PATH,
)
PYTHON = Image(
    name="python",
    repository="docker.io/library/python",
    command=("python3",),
    programs={"python": _PYTHON, "python3": _PYTHON, **TOOLS},
    environment={**PATH, "LANG": "C.UTF-8"},
)
_BUSYBOX = {**TOOLS, **_NETWORK, "busybox": f"{_HERE}.toolbox:busybox"}
BUSYBOX = Image(
    name="busybox",
    repository="docker.io/library/busybox",
    also=("registry.k8s.io/e2e-test-images/busybox", "docker.io/library/alpine"),
    command=("sh",),
    programs=_BUSYBOX,
    environment=PATH,
)
UBUNTU = Image(
    name="ubuntu",
    repository="docker.io/library/ubuntu",
    also=("docker.io/library/debian",),
    command=("bash",),
    programs={**TOOLS, **_NETWORK},
    environment=PATH,
)
DNSUTILS = Image(
    name="dnsutils",
    repository="registry.k8s.io/e2e-test-images/jessie-dnsutils",
    also=("registry.k8s.io/e2e-test-images/glibc-dns-testing",),
    command=("sh",),
    programs=_BUSYBOX,
    environment=PATH,
)
NAUTILUS = Image(
    name="nautilus",
    repository="registry.k8s.io/e2e-test-images/nautilus",
    command=("/test-webserver",),
    programs={"/test-webserver": f"{_HERE}.webserver:test_webserver"},
    environment=PATH,
)
NGINX = Image(
    name="nginx",
    repository="docker.io/library/nginx",
    also=("registry.k8s.io/e2e-test-images/nginx",),
    command=("nginx", "-g", "daemon off;"),
    programs={
        "nginx": f"{_HERE}.webserver:nginx",
        "/docker-entrypoint.sh": f"{_HERE}.toolbox:env_run",
        **_BUSYBOX,
    },
    directories=("/usr/share/nginx/html",),
    environment=PATH,
)
HTTPD = Image(
    name="httpd",
    repository="docker.io/library/httpd",
    also=("registry.k8s.io/e2e-test-images/httpd",),
    command=("httpd-foreground",),
    programs={
        "httpd": f"{_HERE}.webserver:httpd",
        "httpd-foreground": f"{_HERE}.webserver:httpd",
        **_BUSYBOX,
    },
    directories=("/usr/local/apache2",),
    working_directory="/usr/local/apache2",
    environment={"PATH": "/usr/local/apache2/bin:" + PATH["PATH"]},
)
LOCAL = Image(
    name="local",
    repository="",
    programs={"/local": f"{_HERE}.local:main", **_BUSYBOX},
    environment=PATH,
)
"""What a command of this machine runs from; no name leads to it."""
IMAGES = {
    image.name: image
    for image in (AGNHOST, BUSYBOX, DNSUTILS, HTTPD, LOCAL, NAUTILUS, NGINX, PAUSE, PYTHON, UBUNTU)
}
_BY_REPOSITORY = {
    name: image
    for image in IMAGES.values()
    for name in (image.repository, *image.also)
    if image.repository
}
_REFERENCE = re.compile(
    r"(?P<name>[a-z0-9][a-z0-9._/:-]*?)(:(?P<tag>[\w][\w.-]{0,127}))?(@sha256:[0-9a-f]{64})?"
)


def canonical(reference: str) -> str | None:
    """`python:3` as a runtime writes it, "docker.io/library/python:3"; None for an invalid name."""
    match = _REFERENCE.fullmatch(reference)
    if match is None:
        return None
    first, slash, _ = match["name"].partition("/")
    name = match["name"]
    if not slash:
        name = f"docker.io/library/{name}"
    elif "." not in first and ":" not in first and first != "localhost":
        name = f"docker.io/{name}"
    return f"{name}:{match['tag'] or 'latest'}"


def find(reference: str) -> Image | None:
    """The image that `reference` names, or None if the sandbox has no such image."""
    full = canonical(reference)
    return None if full is None else _BY_REPOSITORY.get(full.rpartition(":")[0])


def has_program(image: Image, executable: str) -> bool:
    """Whether `executable` can be started in `image`: by name, or by path in a bin directory."""
    return _command(image, executable) is not None or _program(image, executable) is not None


def _command(image: Image, executable: str) -> tuple[str, ...] | None:
    return image.commands.get(executable) or image.commands.get(PurePosixPath(executable).name)


def _program(image: Image, executable: str) -> str | None:
    if executable in image.programs:
        return image.programs[executable]
    path = PurePosixPath(executable)
    if path.parent.name != "bin":
        return None
    return image.programs.get(re.sub(r"^python3\.\d+$", "python3", path.name))


def here() -> Image:
    """The image of the container in which this process runs; `python` outside of one."""
    return told_by(os.environ)


def told_by(environment: Mapping[str, str]) -> Image:
    """The image that a container's environment tells (see `variables`)."""
    image = IMAGES[environment.get(IMAGE_VARIABLE, "python")]
    stated = environment.get(COMMANDS_VARIABLE)
    return image if not stated else replace(image, commands=json.loads(stated))


def variables(image: Image) -> dict[str, str]:
    """What a container's environment tells about its image: `told_by` reads it."""
    commands = {COMMANDS_VARIABLE: json.dumps(dict(image.commands))} if image.commands else {}
    return {IMAGE_VARIABLE: image.name, **commands}


def run(image: Image, argv: list[str]) -> int:
    """Run a program of `image` in this process; returns its exit code."""
    argv = list(_command(image, argv[0]) or argv)
    target = _program(image, argv[0])
    if target is None:
        raise LookupError(f"{argv[0]} is not in image {image.name}")
    module, _, function = target.partition(":")
    program: Program = getattr(importlib.import_module(module), function)
    try:
        return program(argv)
    except Refused as error:
        sys.stdout.flush()
        print(f"{argv[0]}: {error}", file=sys.stderr)
        return error.code


def preload() -> None:
    """Import every image's programs, so that forks share them."""
    for image in IMAGES.values():
        for target in image.programs.values():
            importlib.import_module(target.partition(":")[0])


def argv(image: Image, command: Sequence[str], args: Sequence[str]) -> list[str]:
    """The command line: `command` replaces the entrypoint and drops the image's arguments,
    `args` replaces those."""
    if command:
        return [*command, *args]
    return [*image.entrypoint, *(args or image.command)]
