"""The stage inside a sandbox: the X server, the session bus, XFCE, and the stream of the screen. Everything that is there is used as it is.

The attendant raises it and keeps it up: what dies of the stream is started again. The programs and their options are those that
`e2b-desktop` starts in E2B's template, but readiness is known from the programs themselves, never by a fixed sleep, and what keeps a screen
from coming to rest (blinking carets, animations, the compositor's shadows, screen savers) is turned off before anything reads it.
"""

# No pathlib: it would double what this small program keeps in memory.
# ruff: noqa: PTH103, PTH110, PTH120, PTH123, PTH208

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Iterable
from xml.etree import ElementTree

import anyio

from hotdesk.desks import errands
from hotdesk.desks.x11.display import PROPERTY_CHANGES, PROPERTY_NOTIFY, Display, RequestFailedError
from hotdesk.errors import DeskRefused

FOLDER = "/tmp/.hotdesk"  # noqa: S108 (inside a sandbox that is all the desk's)
SCREEN_PORT, WEB_PORT = 5900, 6080
NOVNC = "/opt/noVNC"
DISPLAY_BOUND = 20.0
"""Seconds for the X server to come up: it takes 0.3."""
MANAGER_BOUND = 60.0
"""Seconds for XFCE's window manager: 1 to 3, on a sandbox just restored more."""
DESKTOP_BOUND = 4.0
"""Seconds more for the desktop's background and the panel, without which a desk can be used too."""
RESTART_PAUSE, RESTART_PAUSE_CAP = 0.2, 5.0
"""Seconds before something that died is started again; doubled each time."""

_QUIET = {
    "xsettings": {"Net/CursorBlink": "false", "Gtk/EnableAnimations": "false"},
    "xfwm4": {"general/use_compositing": "false"},
    "xfce4-screensaver": {"saver/enabled": "false", "lock/enabled": "false"},
    "xfce4-power-manager": {"xfce4-power-manager/dpms-enabled": "false", "xfce4-power-manager/lock-screen-suspend-hibernate": "false"},
}
"""XFCE's settings, by channel."""
_GTK = {"gtk-cursor-blink": "0", "gtk-enable-animations": "0", "gtk-overlay-scrolling": "0"}


def quiet_settings(home: str) -> None:
    """Say in the settings that nothing on the screen is to move by itself. What somebody set there before stays."""
    for channel, values in _QUIET.items():
        path = f"{home}/.config/xfce4/xfconf/xfce-perchannel-xml/{channel}.xml"
        root = _parsed(path) or ElementTree.Element("channel", {"name": channel, "version": "1.0"})
        for name, value in values.items():
            place = root
            for part in name.split("/"):
                found = next((child for child in place if child.get("name") == part), None)
                place = found if found is not None else ElementTree.SubElement(place, "property", {"name": part, "type": "empty"})
            place.attrib |= {"type": "bool", "value": place.get("value", value)}
        _write_if_changed(path, b'<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root))
    for version in ("3.0", "4.0"):
        path = f"{home}/.config/gtk-{version}/settings.ini"
        if not os.path.exists(path):
            _write_if_changed(path, "".join(["[Settings]\n", *(f"{name}={value}\n" for name, value in _GTK.items())]).encode())
    if not os.path.exists(f"{home}/.gtkrc-2.0"):
        _write_if_changed(f"{home}/.gtkrc-2.0", b"gtk-cursor-blink = 0\n")


def _parsed(path: str) -> ElementTree.Element | None:
    try:
        return ElementTree.parse(path).getroot()  # noqa: S314 (the desk's own file)
    except (OSError, ElementTree.ParseError):
        return None


def _write_if_changed(path: str, content: bytes) -> None:
    with contextlib.suppress(OSError):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content)


# Processes ---------------------------------------------------------------------------------------------------------------------------


def pids(wanted: Callable[[str, str], bool]) -> list[int]:
    """The processes whose name and command line (parts with spaces between) are wanted."""
    found = []
    for pid in os.listdir("/proc"):
        if pid.isdigit():
            with contextlib.suppress(OSError):
                name = _content(f"/proc/{pid}/comm").strip()
                if wanted(name, _content(f"/proc/{pid}/cmdline").replace("\0", " ")):
                    found.append(int(pid))
    return found


def _content(path: str) -> str:
    with open(path, "rb") as file:
        return file.read(65536).decode(errors="replace")


def kill(victims: Iterable[int]) -> None:
    for pid in victims:
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGKILL)


def end_predecessors(mark: str) -> None:
    """Kill earlier attendants, whose owner is gone: two would answer to nobody and type over each other."""
    mine = {os.getpid(), os.getppid()}
    kill(pid for pid in pids(lambda name, line: name.startswith("python") and mark in line) if pid not in mine)


def session_bus() -> None:
    """See to a session bus in the environment: that of the session that runs already, or a new one."""
    for pid in pids(lambda name, _: name == "xfce4-session"):
        with contextlib.suppress(OSError):
            for entry in _content(f"/proc/{pid}/environ").split("\0"):
                if entry.startswith("DBUS_SESSION_BUS_ADDRESS="):
                    os.environ["DBUS_SESSION_BUS_ADDRESS"] = entry.partition("=")[2]
                    return
    if "DBUS_SESSION_BUS_ADDRESS" not in os.environ and shutil.which("dbus-daemon"):
        command = ["dbus-daemon", "--session", "--fork", "--nosyslog", "--print-address"]
        said = subprocess.run(command, capture_output=True, check=False, timeout=10).stdout.decode().strip()
        if said:
            os.environ["DBUS_SESSION_BUS_ADDRESS"] = said


# The screen --------------------------------------------------------------------------------------------------------------------------


def display_socket() -> socket.socket:
    """A connection to the X server of display :0. Raises `OSError` if there is none."""
    for address in ("\0/tmp/.X11-unix/X0", "/tmp/.X11-unix/X0"):  # noqa: S108
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.connect(address)
        except OSError:
            connection.close()
        else:
            return connection
    raise FileNotFoundError("there is no display :0")


def start_display(width: int, height: int) -> int | None:
    """Start the X server unless there is one. Where it says that it is up (a descriptor), or None if it is already."""
    with contextlib.suppress(OSError):
        display_socket().close()
        return None
    if not shutil.which("Xvfb"):
        raise DeskRefused("The template has no Xvfb: a desk needs E2B's template «desktop», or one made from it.")
    read, write = os.pipe()
    os.set_inheritable(write, True)
    argv = f"Xvfb :0 -ac -screen 0 {width}x{height}x24 -retro -dpi 96 -nolisten tcp -nolisten unix -noreset -displayfd {write}".split()
    _spawn(argv, "xvfb")
    os.close(write)
    return read


def _spawn(argv: list[str], name: str) -> int:
    """Start a program that has no input and speaks to a log. Raises `OSError`."""
    log = f"{FOLDER}/{name}.log"
    actions: list[tuple[int, int, str, int, int]] = [(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)]
    actions += ((os.POSIX_SPAWN_OPEN, fd, log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600) for fd in (1, 2))
    return os.posix_spawnp(argv[0], argv, dict(os.environ), file_actions=actions, setsid=True)


async def display_up(said: int | None) -> None:
    """Wait until the X server answers. Raises `DeskRefused` with its last words if it does not."""
    if said is None:
        return
    heard = b""
    with anyio.move_on_after(DISPLAY_BOUND):
        while not heard.endswith(b"\n"):  # it writes the newline by itself, and dies if nobody reads it
            await anyio.wait_readable(said)
            more = os.read(said, 64)
            if not more:
                break
            heard += more
    os.close(said)
    if heard.endswith(b"\n"):
        return
    words = ""
    with contextlib.suppress(OSError):
        words = _content(f"{FOLDER}/xvfb.log").strip()[-300:]
    raise DeskRefused(f"The X server did not come up in the sandbox. {words}".strip())


def start_session() -> None:
    if pids(lambda name, _: name in ("xfwm4", "xfce4-session")):
        return
    if not shutil.which("startxfce4"):
        raise DeskRefused("The template has no XFCE: a desk needs E2B's template «desktop», or one made from it.")
    _spawn(["startxfce4"], "session")


async def managed(display: Display) -> None:
    """Wait until a window manager manages the screen, and for a moment for the background and the panel."""
    changed = [anyio.Event()]
    display.handlers[PROPERTY_NOTIFY] = lambda _: changed[0].set()
    display.select_events(display.root, PROPERTY_CHANGES)

    async def until(look: Callable[[], object]) -> None:
        while True:
            changed[0] = anyio.Event()  # before looking, so that nothing is missed
            if look():
                return
            await changed[0].wait()

    try:
        with anyio.fail_after(MANAGER_BOUND):
            await until(lambda: display.property(display.root, "_NET_SUPPORTING_WM_CHECK")[1])
    except TimeoutError:
        raise DeskRefused("XFCE did not come up in the sandbox within a minute.") from None
    with anyio.move_on_after(DESKTOP_BOUND):
        await until(lambda: _furnished(display))
    del display.handlers[PROPERTY_NOTIFY]


def _furnished(display: Display) -> bool:
    kinds = set()
    (desktop, dock) = (display.atom(f"_NET_WM_WINDOW_TYPE_{kind}").to_bytes(4, "little") for kind in ("DESKTOP", "DOCK"))
    for window in display.windows_of("_NET_CLIENT_LIST"):
        with contextlib.suppress(RequestFailedError):
            kinds.add(display.property(window, "_NET_WM_WINDOW_TYPE")[1])
    return desktop in kinds and dock in kinds


# The stream --------------------------------------------------------------------------------------------------------------------------

ONLOOKERS = ("x11vnc", "xfce4-clipman")
"""Programs that ask for whatever the clipboard gets, without anybody pasting."""


def stream_commands(password: str) -> dict[str, list[str]]:
    path = f"{FOLDER}/password"
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(password + "\n")
    screen = f"x11vnc -display :0 -rfbport {SCREEN_PORT} -localhost -shared -forever -wait 20 -passwdfile {path} -noxrecord -norc -q"
    proxy = f"{NOVNC}/utils/novnc_proxy"
    if os.access(proxy, os.X_OK):
        web = [proxy, "--vnc", f"localhost:{SCREEN_PORT}", "--listen", str(WEB_PORT), "--web", NOVNC]
    else:
        web = ["websockify", str(WEB_PORT), f"localhost:{SCREEN_PORT}"]
    return {"x11vnc": screen.split(), "websockify": web}


def stream_pids() -> list[int]:
    return pids(lambda name, line: name == "x11vnc" or "novnc_proxy" in line or "websockify" in line)


async def keep_running(name: str, argv: list[str]) -> None:
    """Run a program for good: when it ends it is started again."""
    pause = RESTART_PAUSE
    while True:
        try:
            pid = _spawn(argv, name)
        except OSError:
            pid = 0
        if pid:
            began = anyio.current_time()
            handle = os.pidfd_open(pid)
            try:
                await anyio.wait_readable(handle)
            finally:
                os.close(handle)
            if anyio.current_time() - began > RESTART_PAUSE_CAP:
                pause = RESTART_PAUSE
            if name == "websockify":  # its script may leave the child behind that holds the port
                kill(pids(lambda _, line: "websockify" in line or "novnc_proxy" in line))
        await anyio.sleep(pause)
        pause = min(pause * 2, RESTART_PAUSE_CAP)


async def reap() -> None:
    """Take leave of children that ended, whoever started them."""
    with anyio.open_signal_receiver(signal.SIGCHLD) as signals:
        async for _ in signals:
            _reap_all()


def _reap_all() -> None:
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def apart() -> set[int]:
    """The processes that do not count when the desk is asked whether it is at work: the screen, its stream, and us."""
    names = ("Xvfb", "envd", "x11vnc", "websockify")
    found = set(pids(lambda name, line: name in names or "novnc_proxy" in line or "websockify" in line))
    return found | {os.getpid(), errands_pid}


errands_pid = 0
"""The process that serves errands."""


def serve_errands(address: str) -> None:
    """Fork the process that serves errands; it ends when we do."""
    global errands_pid  # noqa: PLW0603 (one process, one of them)
    requests = errands.listen(address)
    ours, theirs = socket.socketpair()
    errands_pid = os.fork()
    if errands_pid:
        theirs.close()
        requests.close()
        _held.append(ours)
        return
    ours.close()
    with open(os.devnull, "r+b") as nothing:  # what is asked and answered here is not the errands'
        for fd in (0, 1, 2):
            os.dup2(nothing.fileno(), fd)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    waiting = select.poll()
    for readable in (requests.fileno(), theirs.fileno()):
        waiting.register(readable, select.POLLIN)
    while True:
        for fd, _ in waiting.poll():
            if fd == theirs.fileno():
                os._exit(0)
            errands.accept(requests, (theirs,))


_held: list[socket.socket] = []
"""Closed when we end, however we end."""
