"""The helper inside a desk: the first of our own programs to run there, and the way in for everything that is not X.

It promises to start the window manager once the X server answers, to serve errands (`hotdesk.desks.errands`) on `/run/desk/inside.sock`, to
start the session bus when somebody first needs it, and, with an allow-list, to carry 127.0.0.1:3128 out to the proxy of the worker. It
holds one connection to the worker (`/run/host/hello.sock`) and ends the whole desk when that is hung up, so a desk never outlives its
worker.

A desk that nobody asks anything has no Python in it: after a while this process becomes a shell that waits for a line of the worker, and
is 8 MiB smaller; when one comes it becomes this again, which takes 30 ms. The worker sends one before each errand, and when a program first
connects to the session bus, for which it is given that socket to watch.

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
FRESH, AWAKE = 1.0, 30.0
"""Seconds without an errand until this sleeps: on a desk just opened, and after an errand."""


def run() -> None:
    """Serve until the worker is gone, and end the desk. After a sleep the sockets are on the descriptors that the arguments say."""
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # children are reaped by the kernel; whoever needs a status forks first
        if sys.argv[1:]:
            hello, requests, bus = map(_inherited, sys.argv[1:])
            if hello and requests:
                _serve(hello, requests, bus, AWAKE)
        else:
            _begin()
    except (OSError, KeyboardInterrupt) as problem:
        print(f"inside: {problem}", file=sys.stderr)
    os.kill(-1, signal.SIGKILL)


def _begin() -> None:
    hello = socket.socket(socket.AF_UNIX)
    hello.connect(HELLO)
    requests = errands.listen(SOCKET)
    bus = errands.listen(BUS)
    socket.send_fds(hello, [b"hello\n"], [bus.fileno()])
    if os.environ.get("HOTDESK_PROXY"):
        _carry_proxy()
    _serve(hello, requests, bus)


def _serve(hello: socket.socket, requests: socket.socket, bus: socket.socket | None, stay: float | None = None) -> None:
    """Serve what comes. Sleep `stay` seconds after the last of it, if that is said: not before the screen is up."""
    waiting = select.poll()
    for each in (hello, requests, bus):
        if each:
            waiting.register(each.fileno(), select.POLLIN)
    if stay is None:
        waiting.register(0, select.POLLIN)
    while True:
        ready = waiting.poll(stay and stay * 1000)
        if not ready:
            _sleep(hello, requests, bus)
        for fd, _ in ready:
            if fd == hello.fileno():
                if not hello.recv(64):  # the worker is gone
                    return
            elif fd == requests.fileno():
                errands.accept(requests, (hello,))
                stay = AWAKE
            elif bus and fd == bus.fileno():
                waiting.unregister(fd)
                _start_bus(bus)
                bus = None
            else:  # the X server wrote its display number: it answers
                waiting.unregister(0)
                while os.read(0, 64)[-1:] not in (b"\n", b""):  # it writes the newline by itself, and dies if nobody reads it
                    pass
                hello.sendall(b"display\n")
                _to_nowhere(0)
                os.environ["MALLOC_ARENA_MAX"] = "1"  # a thread of their own reads the fonts' settings, in half a megabyte that stays
                errands.spawn(["openbox", "--sm-disable", "--startup", "tint2"])
                del os.environ["MALLOC_ARENA_MAX"]
                stay = FRESH


def _sleep(hello: socket.socket, requests: socket.socket, bus: socket.socket | None) -> None:
    """Become the shell that waits. It reads the worker's line from its standard input."""
    os.dup2(hello.fileno(), 0)
    for each in (hello, requests, bus):
        if each:
            each.set_inheritable(True)
    fds = [str(each.fileno()) if each else "" for each in (hello, requests, bus)]
    again = 'read -r line && exec "$@" </dev/null; kill -KILL -1'
    os.execv("/bin/sh", ["sh", "-c", again, "inside", *sys.orig_argv[: len(sys.orig_argv) - len(sys.argv) + 1], *fds])


def _inherited(fd: str) -> socket.socket | None:
    """A socket that outlived the sleep, ours alone again; none if it was none then."""
    if not fd:
        return None
    inherited = socket.socket(fileno=int(fd))
    inherited.set_inheritable(False)
    return inherited


def _to_nowhere(fd: int) -> None:
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), fd)


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
