"""The helper inside a desk: the first of our own programs to run there, and the way in for everything that is not X.

It promises to start the window manager once the X server answers, to serve errands (`hotdesk.desks.errands`) on `/run/desk/inside.sock`, to
start the session bus when somebody first needs it, and, with an allow-list, to carry 127.0.0.1:3128 out to the proxy of the worker. It
holds one connection to the worker (`/run/host/hello.sock`) and ends the whole desk when that is hung up, so a desk never outlives its
worker.

Run by Debian's own `/usr/bin/python3 -I -S`, so standard library only, and of Hotdesk only the errands.
"""

# ruff: noqa: PTH123, S606

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import sys

from hotdesk.desks import errands

HELLO = "/run/host/hello.sock"
SOCKET = "/run/desk/inside.sock"
BUS = "/run/user/1000/bus"
PROXY = "/run/host/net.sock"
PROXY_PORT = 3128


def main() -> None:
    hello = socket.socket(socket.AF_UNIX)
    hello.connect(HELLO)
    hello.sendall(b"hello\n")
    requests = errands.listen(SOCKET)
    bus = errands.listen(BUS)
    if os.environ.get("HOTDESK_PROXY"):
        _carry_proxy()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # children are reaped by the kernel; whoever needs a status forks first
    waiting = select.poll()
    for readable in (0, hello.fileno(), requests.fileno(), bus.fileno()):
        waiting.register(readable, select.POLLIN)
    while True:
        for fd, _ in waiting.poll():
            if fd == 0:  # the X server wrote its display number: it answers
                waiting.unregister(0)
                while os.read(0, 64)[-1:] not in (b"\n", b""):  # it writes the newline by itself, and dies if nobody reads it
                    pass
                hello.sendall(b"display\n")
                with open(os.devnull, "rb") as nothing:
                    os.dup2(nothing.fileno(), 0)
                errands.spawn(["openbox", "--sm-disable", "--startup", "tint2"])
            elif fd == bus.fileno():
                waiting.unregister(fd)
                _start_bus(bus)
            elif fd == requests.fileno():
                errands.accept(requests, (hello,))
            elif not hello.recv(64):  # the worker is gone
                os.kill(-1, signal.SIGKILL)
                return


def _start_bus(listening: socket.socket) -> None:
    """Hand the socket, on which the first client already waits, to a bus daemon the way systemd would."""
    if os.fork() == 0:
        os.dup2(listening.fileno(), 3)
        os.environ["LISTEN_PID"], os.environ["LISTEN_FDS"] = str(os.getpid()), "1"
        os.setsid()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        os.closerange(4, 256)
        argv = ["dbus-daemon", "--session", "--address=systemd:", "--nofork", "--nopidfile", "--nosyslog"]
        with contextlib.suppress(OSError):
            os.execvp(argv[0], argv)
        os._exit(127)
    listening.close()


# The way out to the worker's proxy -----------------------------------------------------------------------------------------------


def _carry_proxy() -> None:
    """Fork a process that carries each connection to 127.0.0.1:3128 to the worker's unix socket and back."""
    if os.fork():
        return
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    listening = socket.create_server(("127.0.0.1", PROXY_PORT), backlog=128)
    peers: dict[int, socket.socket] = {}
    sockets: dict[int, socket.socket] = {}
    waiting = select.poll()
    waiting.register(listening.fileno(), select.POLLIN)

    def drop(fd: int) -> None:
        for each in (fd, peers[fd].fileno()):
            waiting.unregister(each)
        for end in (peers.pop(peers[fd].fileno()), peers.pop(fd)):
            sockets.pop(end.fileno())
            end.close()

    while True:
        for fd, _event in waiting.poll():
            if fd == listening.fileno():
                near, _ = listening.accept()
                far = socket.socket(socket.AF_UNIX)
                try:
                    far.connect(PROXY)
                except OSError:
                    near.close()
                    far.close()
                    continue
                for end, other in ((near, far), (far, near)):
                    end.settimeout(30)  # a reader that stands still for so long loses its connection
                    sockets[end.fileno()], peers[end.fileno()] = end, other
                    waiting.register(end.fileno(), select.POLLIN)
            elif fd in sockets:
                try:
                    data = sockets[fd].recv(65536)
                    if data:
                        peers[fd].sendall(data)
                    else:
                        drop(fd)
                except OSError:
                    drop(fd)


if __name__ == "__main__":
    try:
        main()
    except (OSError, KeyboardInterrupt) as problem:
        print(f"inside: {problem}", file=sys.stderr)
    os.kill(-1, signal.SIGKILL)
