"""`python -m hotdesk.worker.nursery`: the process that workers are forked from. It has imported what every worker needs and does nothing
else, so that a worker is there within milliseconds and shares what was imported with all others.

Its standard input is a packet socket to the engine, a JSON object a packet. It says `{"ready": true}`, or `{"cannot": WHY}` and exits.
Asked `{"warm": DESK or null}`, with one end of the new worker's lifeline passed along, it forks one and says `{"pid": …}`, passing a
descriptor of the process (pidfd); when that has ended, `{"pid": …, "status": …}`: its exit code, negative for a signal. It exits when the
socket closes; its workers have lifelines of their own.
"""

from __future__ import annotations

import gc
import json
import os
import selectors
import signal
import socket
import sys
import threading
import traceback
from typing import NoReturn

from setproctitle import setproctitle

__all__ = ["CONTROL", "main"]

CONTROL = 0
"""The descriptor of the socket to the engine."""


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    setproctitle("hotdesk.worker.nursery")
    control = socket.socket(fileno=CONTROL)
    _import_everything()
    if threading.active_count() > 1:
        _say(control, cannot="a module that was imported has started a thread")
        return
    gc.collect()
    gc.freeze()  # what is here stays, and its pages stay shared
    _say(control, ready=True)
    with selectors.DefaultSelector() as watched:
        watched.register(control, selectors.EVENT_READ)
        while True:
            for key, _ in watched.select():
                if key.fileobj is control:
                    if not _asked(control, watched):
                        return
                else:
                    _ended(control, watched, key)


def _import_everything() -> None:
    """By the settings in the environment: the desks and the brain that most workers will have."""
    from hotdesk.brains.choose import choose_brain  # noqa: PLC0415
    from hotdesk.desks.choose import choose_desks  # noqa: PLC0415
    from hotdesk.settings import DeskSettings, MindSettings, read  # noqa: PLC0415
    from hotdesk.worker import __main__ as worker  # noqa: F401, PLC0415
    from hotdesk.worker.loop import prepare  # noqa: PLC0415

    choose_desks(read(DeskSettings)).prepare()
    prepare(choose_brain(read(MindSettings)))


def _say(control: socket.socket, *descriptors: int, **words: object) -> None:
    try:
        socket.send_fds(control, [json.dumps(words).encode()], descriptors)
    except OSError:
        os._exit(0)  # the engine is gone, and with it every lifeline


def _asked(control: socket.socket, watched: selectors.BaseSelector) -> bool:
    """Fork a worker; False if the engine is gone."""
    message, descriptors, _, _ = socket.recv_fds(control, 4096, 1)
    if not message:
        return False
    (line,) = descriptors
    pid = os.fork()
    if pid == 0:
        for key in list(watched.get_map().values()):
            os.close(key.fd)
        watched.close()
        control.detach()
        _become_worker(line, json.loads(message)["warm"])
    os.close(line)
    process = os.pidfd_open(pid)
    watched.register(process, selectors.EVENT_READ, pid)
    _say(control, process, pid=pid)
    return True


def _become_worker(line: int, warm: str | None) -> NoReturn:
    """Everything of a worker's life, in the forked process; it never comes back here."""
    status = 1
    try:
        os.setsid()
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.dup2(line, 0)
        os.close(line)
        from hotdesk.worker import __main__ as worker  # noqa: PLC0415

        worker.run(warm)
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 1
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _ended(control: socket.socket, watched: selectors.BaseSelector, key: selectors.SelectorKey) -> None:
    watched.unregister(key.fileobj)
    os.close(key.fd)
    _, status = os.waitpid(key.data, 0)
    _say(control, pid=key.data, status=os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main()
