"""Entry of the kubelet's process."""

from __future__ import annotations

import asyncio
import signal

from resilience.sandbox.host.sandbox_config import ProcessArguments
from resilience.sandbox.kubelet.base.zygote_client import ZygoteGone
from resilience.sandbox.kubelet.node.kubelet import Kubelet


def run(arguments: ProcessArguments) -> None:
    """Serve until SIGTERM or until the zygote is gone."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        asyncio.run(_serve(arguments))
    except ZygoteGone:
        raise SystemExit("the zygote is gone, and every Pod with it") from None


async def _serve(arguments: ProcessArguments) -> None:
    assert arguments.zygote is not None
    await Kubelet(arguments, arguments.zygote).run()
