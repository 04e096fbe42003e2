"""A Python child of a container's program joins the container (see `inside.children`)."""

from __future__ import annotations

import os
import sqlite3  # noqa: F401 # as in the zygote: paths that C code reads are translated where it is
import ssl  # noqa: F401
import sys
from typing import NoReturn

from resilience.sandbox.images import python
from resilience.sandbox.inside import (
    children,
    pod_names,
    pod_network,
    rootfs,
    volume_paths,
)


def main() -> NoReturn:
    """Take the surroundings, run the program, end with its exit code."""
    launch = children.taken(os.environ)
    del os.environ[children.VARIABLE]
    resolver = pod_names.Resolver(launch.network, launch.hostname, launch.hosts)
    pod_names.install(resolver, launch.hostname)
    pod_network.install(launch.network, resolver)
    volume_paths.install(volume_paths.Translation(rootfs.mounts(launch)))
    children.install(launch)
    os.chdir(launch.cwd)
    sys.exit(python.main(list(launch.argv)))
