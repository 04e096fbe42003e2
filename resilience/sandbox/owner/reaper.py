"""The ancestor of all other processes of one sandbox, which leaves nothing behind when it ends.

Started by the owner with the configuration as one JSON line on stdin; stdin stays open as the
owner's lifeline. It forks the API server, the zygote, the kubelet and the data plane from one warm
interpreter, adopts every orphan below it, and reports on stdout, one JSON line each, `ready` or
what failed. The sandbox ends as a whole: when the owner ends, when any of these processes ends, or
on SIGTERM, everything below is killed and the directory removed.
"""

from __future__ import annotations

import gc
import json
import os
import select
import signal
import socket
import sys
import traceback
from collections.abc import Callable
from types import FrameType
from typing import Any, NoReturn

from resilience.sandbox.host import home, linux, processes
from resilience.sandbox.host.sandbox_config import ProcessArguments
from resilience.sandbox.host.sandbox_error import SandboxError
from resilience.sandbox.owner.inheritance import Inheritance

LOG_LINES = 20
LOG_SECONDS = 30.0
"""How often the logs are looked at: a part that fails all the time must not fill the disk."""


class Reaper:
    """Forks the core processes in order, then waits for the first event that ends the sandbox."""

    def __init__(self, inheritance: Inheritance) -> None:
        self._config = inheritance.config
        self._inheritance = inheritance
        self._core: dict[int, str] = {}
        self._waiting: dict[int, str] = {}  # read end of a ready pipe -> process
        self._wake, wake = os.pipe()
        os.set_blocking(wake, False)
        signal.set_wakeup_fd(wake)
        self._pki_done, self._pki_signal = os.pipe()
        self._zygote: tuple[socket.socket, socket.socket] = socket.socketpair()
        self._stop = False

        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._asked_to_stop)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def run(self) -> int:
        """Serve until the sandbox ends; 0 if that was requested, 1 if something broke."""
        self._fork("apiserver", self._run_apiserver)
        _preload()
        self._fork("zygote", self._run_zygote)
        try:
            failure = self._serve()
        finally:
            self._clear()
        return 1 if failure else 0

    def _asked_to_stop(self, _number: int, _frame: FrameType | None) -> None:
        self._stop = True

    def _serve(self) -> str | None:
        while not self._stop:
            readable, _, _ = select.select([0, self._wake, *self._waiting], [], [], LOG_SECONDS)
            home.bound_logs(self._config.directory / "log")
            if self._wake in readable:
                os.read(self._wake, 4096)
                failure = self._collect()
                if failure is not None:
                    return failure
            if 0 in readable and not self._hear_owner():
                return None
            for pipe in self._waiting.keys() & set(readable):
                self._hear_child(pipe)
        return None

    def _hear_owner(self) -> bool:
        """False when the owner's end is closed. Any data from it means: the keys are on disk."""
        heard = os.read(0, 4096)
        if heard:
            os.write(self._pki_signal, b"\n")
        return bool(heard)

    def _hear_child(self, pipe: int) -> None:
        name = self._waiting.pop(pipe)
        served = os.read(pipe, 1)
        os.close(pipe)
        if not served:
            return  # it ended without serving; `_collect` reports how
        if name == "apiserver":
            self._fork("kubelet", self._run_kubelet)
            self._fork("dataplane", self._run_dataplane)
        elif not self._waiting:
            _say({"event": "ready"})

    def _collect(self) -> str | None:
        """Collect ended children; what to report if one of them was a core process."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return None
            if pid == 0:
                return None
            name = self._core.pop(pid, None)
            if name is not None:
                return self._report(name, status)

    def _report(self, name: str, status: int) -> str:
        reason = f"its {name} {processes.describe_exit(status)}"
        try:
            lines = (self._config.directory / "log" / f"{name}.log").read_text().splitlines()
        except OSError:
            lines = []
        _say({"event": "failed", "reason": reason, "log": lines[-LOG_LINES:]})
        return reason

    def _clear(self) -> None:
        processes.kill_all(lambda: processes.descendants(os.getpid()), home.ENDING_DEADLINE)
        home.remove(self._config.directory)

    # The forked processes.

    def _fork(self, name: str, body: Callable[[ProcessArguments], None]) -> None:
        served, ready = os.pipe()
        reaper = os.getpid()
        sys.stdout.flush()
        pid = os.fork()
        if pid == 0:
            os.close(served)
            self._become(name, reaper, ready, body)
        os.close(ready)
        self._core[pid] = name
        if name == "zygote":
            os.close(served)  # this child has nothing to wait for
        else:
            self._waiting[served] = name

    def _become(
        self, name: str, reaper: int, ready: int, body: Callable[[ProcessArguments], None]
    ) -> NoReturn:
        """Run `body` in the forked child; never returns to the reaper's own code."""
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
                signal.signal(number, signal.SIG_DFL)
            linux.die_with_parent(reaper)
            linux.name_process(f"rs-{name}")
            self._redirect(name)
            os.close(self._inheritance.lock)
            body(self._arguments(name, ready))
            code = 0
        finally:
            if code:  # the log is the only place left to report to
                traceback.print_exc()
            sys.stderr.flush()
            os._exit(code)

    def _redirect(self, name: str) -> None:
        log = self._config.directory / "log" / f"{name}.log"
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.close(output)
        os.close(null)

    def _arguments(self, name: str, ready: int) -> ProcessArguments:
        users = {"kubelet": "system:node:sandbox", "dataplane": "system:kube-proxy"}
        user = users.get(name, "kubernetes-admin")
        token = next(t for t, identity in self._config.tokens.items() if identity.user == user)
        return ProcessArguments(config=self._config, token=token, ready=ready)

    def _run_apiserver(self, arguments: ProcessArguments) -> None:
        from resilience.sandbox.apiserver.apiserver_main import run

        os.close(self._pki_signal)
        if not os.read(self._pki_done, 1):
            return  # the owner ended before it wrote the keys
        listener = socket.socket(fileno=self._inheritance.listener)
        config, token, ready = arguments.config, arguments.token, arguments.ready
        run(ProcessArguments(config=config, token=token, ready=ready, listener=listener))

    def _run_zygote(self, arguments: ProcessArguments) -> None:
        from resilience.sandbox.zygote.zygote_main import run

        self._zygote[0].close()
        os.close(arguments.ready)
        run(self._zygote[1], arguments.config)

    def _run_kubelet(self, arguments: ProcessArguments) -> None:
        from resilience.sandbox.kubelet.kubelet_main import run

        self._zygote[1].close()
        linux.use_all_descriptors()
        config, token, ready = arguments.config, arguments.token, arguments.ready
        run(ProcessArguments(config=config, token=token, ready=ready, zygote=self._zygote[0]))

    def _run_dataplane(self, arguments: ProcessArguments) -> None:
        from resilience.sandbox.dataplane.dataplane_main import run

        for end in self._zygote:
            end.close()
        linux.use_all_descriptors()
        run(arguments)


def _preload() -> None:
    """Import what the zygote, the kubelet and the data plane need, once for all of them."""
    import resilience.sandbox.dataplane.dataplane_main
    import resilience.sandbox.kubelet.kubelet_main
    import resilience.sandbox.zygote.zygote_main  # noqa: F401
    from resilience.sandbox.images import catalogue

    try:
        import sqlite3  # noqa: F401 # before a fork, see `zygote.paths`
    except ImportError:
        pass  # an interpreter may be built without it

    catalogue.preload()
    linux.preload()
    gc.collect()
    gc.freeze()  # so that the collector does not touch, and so copy, the shared pages


def _say(event: dict[str, Any]) -> None:
    try:
        sys.stdout.write(json.dumps(event) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        pass  # the owner is gone; the lifeline shows that as well


def main() -> int:
    """Entry of the reaper's own interpreter."""
    inheritance = Inheritance.load(_read_line(0))
    linux.adopt_orphans()
    linux.name_process("rs-reaper")
    os.chdir("/")
    reaper = Reaper(inheritance)
    # SIGTERM, not SIGKILL: with the owner gone there is still everything to clean up. If the owner
    # died before this call, stdin shows end of file.
    linux.signal_on_parent_death(signal.SIGTERM)
    try:
        return reaper.run()
    except SandboxError as error:
        print(error, file=sys.stderr)
        return 1


def _read_line(descriptor: int) -> str:
    """One line, byte by byte: the rest belongs to the select loop, not to a buffer."""
    line = bytearray()
    while not line.endswith(b"\n"):
        byte = os.read(descriptor, 1)
        if not byte:
            raise SystemExit(1)  # the owner died before it sent anything
        line += byte
    return line.decode()


if __name__ == "__main__":
    raise SystemExit(main())
