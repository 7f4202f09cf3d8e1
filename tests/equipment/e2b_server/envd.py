"""The program inside each sandbox that E2B calls envd: it runs commands and reads and writes files, in connectrpc's JSON.

The server outside holds one socket to it and sends over that one descriptor for each request, with the port it is for: envd's own, and envd
serves HTTP on that descriptor; any other, and envd connects to it on the sandbox's loopback and sends the connected socket back. When the
server's socket is hung up, envd ends every process of the sandbox.

Run by the system's own `/usr/bin/python3 -I -S`, so standard library only, and of ours only `wire`. What it does is what E2B's envd does: a
client that disconnects leaves its process running; `Connect-Timeout-Ms` kills it; a signal goes to that one process; a command has ended
when it has exited and nobody holds its output open any more, or when it was killed.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import errno
import gzip
import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from email.parser import BytesHeaderParser
from pathlib import Path
from typing import Any

from tests.equipment.e2b_server import wire

PORT = 49983
USER = "user"
HOME = "/home/user"
BUS = "/run/user/1000/bus"
WAITING = 64
"""Pieces of output that may wait for a slow reader before the command has to."""

_HTTP = {"invalid_argument": 400, "unauthenticated": 401, "permission_denied": 403, "not_found": 404, "already_exists": 409}
_HTTP |= {"failed_precondition": 400, "unimplemented": 501, "internal": 500}

Message = dict[str, Any]


class ConnectError(Exception):
    """An error in connectrpc's words."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

    @property
    def body(self) -> Message:
        return {"code": self.code, "message": self.message}


# Processes ----------------------------------------------------------------------------------------------------------------------------


class _Pipe(asyncio.Protocol):
    def __init__(self, note: Callable[[bytes], None], closed: Callable[[], None]) -> None:
        self._note = note
        self._closed = closed

    def data_received(self, data: bytes) -> None:
        self._note(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._closed()


class Process:
    """A running command and those who follow it."""

    def __init__(self, config: Message, tag: str | None, environment: dict[str, str]) -> None:
        self.config = config
        self.tag = tag
        self.followers: set[asyncio.Queue[Message]] = set()
        self.deadline: asyncio.TimerHandle | None = None
        self._environment = environment
        self._open = 2
        self._status: int | None = None
        self._pipes: list[asyncio.ReadTransport] = []
        self._stdin: asyncio.WriteTransport | None = None
        self._paused = False
        self.over = False

    async def start(self, *, stdin: bool, ended: Callable[[Process], None]) -> None:
        cwd = self.config.get("cwd") or HOME
        if not Path(cwd).is_dir():
            raise ConnectError("invalid_argument", f"cwd '{cwd}' does not exist")
        self._ended = ended
        try:
            self._popen = subprocess.Popen(
                [self.config["cmd"], *self.config.get("args", ())],
                env=self._environment | self.config.get("envs", {}),
                cwd=cwd,
                stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                process_group=0,
            )
        except OSError as error:
            raise ConnectError("invalid_argument", f"error starting process: {error.strerror}") from error
        self.pid = self._popen.pid
        loop = asyncio.get_running_loop()
        handle = os.pidfd_open(self.pid)
        loop.add_reader(handle, self._exited, handle)
        for name, pipe in (("stdout", self._popen.stdout), ("stderr", self._popen.stderr)):
            transport, _ = await loop.connect_read_pipe(lambda name=name: _Pipe(lambda data: self._note(name, data), self._closed), pipe)  # type: ignore[misc]
            self._pipes.append(transport)
        if self._popen.stdin:
            self._stdin, _ = await loop.connect_write_pipe(asyncio.BaseProtocol, self._popen.stdin)

    def _note(self, name: str, data: bytes) -> None:
        self._tell({"event": {"data": {name: base64.b64encode(data).decode()}}})
        if not self._paused and any(queue.qsize() > WAITING for queue in self.followers):
            self._paused = True
            for pipe in self._pipes:
                pipe.pause_reading()

    def read_on(self) -> None:
        """A follower has caught up or left."""
        if self._paused and all(queue.qsize() <= WAITING // 2 for queue in self.followers):
            self._paused = False
            for pipe in self._pipes:
                pipe.resume_reading()

    def _closed(self) -> None:
        self._open -= 1
        self._end_if_over()

    def _exited(self, handle: int) -> None:
        asyncio.get_running_loop().remove_reader(handle)
        os.close(handle)
        self._status = self._popen.wait()
        self._end_if_over()

    def _end_if_over(self, *, whatever_is_open: bool = False) -> None:
        if self.over or self._status is None or (self._open and not whatever_is_open):
            return
        self.over = True
        if self.deadline:
            self.deadline.cancel()
        for pipe in (*self._pipes, *([self._stdin] if self._stdin else [])):
            pipe.close()
        end: Message = {"exitCode": self._status, "exited": True, "status": f"exit status {self._status}"}
        if self._status < 0:
            name = {9: "killed", 15: "terminated"}.get(-self._status, signal.Signals(-self._status).name)
            end = {"exitCode": -1, "exited": False, "status": f"signal: {name}"}
        if self._status:
            end["error"] = end["status"]
        self._tell({"event": {"end": end}})
        self._ended(self)

    def _tell(self, message: Message) -> None:
        for queue in self.followers:
            queue.put_nowait(message)

    def signal(self, number: int) -> None:
        """Killed or terminated, a command is over once it has exited, whoever else holds its output."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)
        if self._status is None:
            handle = os.pidfd_open(self.pid)
            loop = asyncio.get_running_loop()

            def over() -> None:
                loop.remove_reader(handle)
                os.close(handle)
                loop.call_soon(lambda: self._end_if_over(whatever_is_open=True))

            loop.add_reader(handle, over)
        else:
            self._end_if_over(whatever_is_open=True)

    def expire(self) -> None:
        self._tell({"error": {"code": "deadline_exceeded", "message": "context deadline exceeded"}})
        self.signal(signal.SIGKILL)

    def input(self, data: bytes) -> None:
        if self._stdin is None or self._stdin.is_closing():
            raise ConnectError("failed_precondition", "stdin not enabled or closed")
        self._stdin.write(data)

    def close_input(self) -> None:
        if self._stdin is None:
            raise ConnectError("failed_precondition", "stdin not enabled or closed")
        self._stdin.close()


# Files --------------------------------------------------------------------------------------------------------------------------------


def _path(given: str) -> Path:
    return Path(os.path.normpath(Path(HOME, Path(given).expanduser() if given.startswith("~") else given)))


def _entry(path: Path) -> Message:
    try:
        link = path.lstat()
    except FileNotFoundError:
        raise ConnectError("not_found", f"path '{path}' does not exist") from None
    is_link = stat.S_ISLNK(link.st_mode)
    what = link
    with contextlib.suppress(OSError):
        what = path.stat()
    kind = "DIRECTORY" if stat.S_ISDIR(what.st_mode) else "FILE" if stat.S_ISREG(what.st_mode) else "UNSPECIFIED"
    entry: Message = {
        "name": path.name,
        "type": f"FILE_TYPE_{kind}",
        "path": str(path),
        "size": str(what.st_size),
        "mode": stat.S_IMODE(what.st_mode),
        "permissions": stat.filemode(what.st_mode),
        "owner": USER if what.st_uid == os.getuid() else "root",
        "group": USER if what.st_gid == os.getgid() else "root",
        "modifiedTime": datetime.fromtimestamp(what.st_mtime, UTC).isoformat().replace("+00:00", "Z"),
    }
    if is_link:
        entry |= {"isSymlink": True, "symlinkTarget": str(path.readlink())}
    return entry


def _not_there(_: Message) -> Message:
    raise ConnectError("unimplemented", "this server does not have that")


def _stat(asked: Message) -> Message:
    return {"entry": _entry(_path(asked["path"]))}


def _list_dir(asked: Message) -> Message:
    top = _path(asked["path"])
    if _entry(top)["type"] != "FILE_TYPE_DIRECTORY":
        raise ConnectError("invalid_argument", f"path is not a directory: {top}")
    entries = []

    def below(folder: Path, depth: int) -> None:
        for path in sorted(folder.iterdir()):
            entries.append(_entry(path))
            if depth > 1 and path.is_dir() and not path.is_symlink():
                below(path, depth - 1)

    below(top, asked.get("depth") or 1)
    return {"entries": entries}


def _make_dir(asked: Message) -> Message:
    path = _path(asked["path"])
    if path.exists():
        directory = path.is_dir()
        raise ConnectError(
            "already_exists" if directory else "invalid_argument", f"path already exists{'' if directory else ', a file'}: {path}"
        )
    path.mkdir(parents=True)
    return {"entry": _entry(path)}


def _move(asked: Message) -> Message:
    source, destination = _path(asked["source"]), _path(asked["destination"])
    _entry(source)
    destination.parent.mkdir(parents=True, exist_ok=True)
    source.rename(destination)
    return {"entry": _entry(destination)}


def _remove(asked: Message) -> Message:
    path = _path(asked["path"])
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
    return {}


def _parts(head: wire.Head, body: bytes) -> list[tuple[str, bytes]]:
    """What is uploaded: a path and its bytes each."""
    named = head.query.get("path", "")
    kind = head.get("content-type")
    if not kind.startswith("multipart/"):
        return [(named, gzip.decompress(body) if head.get("content-encoding") == "gzip" else body)]
    boundary = b"\r\n--" + kind.partition("boundary=")[2].strip('"').encode()
    found = []
    for part in (b"\r\n" + body).split(boundary)[1:-1]:
        about, _, data = part.partition(b"\r\n\r\n")
        headers = BytesHeaderParser().parsebytes(about.lstrip(b"\r\n"))
        found.append((named or str(headers.get_filename()), data))
    return found


def _write(given: str, data: bytes) -> Message:
    path = _path(given)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return {"path": str(path), "name": path.name, "type": "file"}


async def _send_file(path: Path, writer: asyncio.StreamWriter) -> None:
    if _entry(path)["type"] != "FILE_TYPE_FILE":
        raise ConnectError("invalid_argument", f"path '{path}' is not a file")
    with path.open("rb") as file:
        left = os.fstat(file.fileno()).st_size
        headers = {"content-length": str(left), "content-type": "application/octet-stream", "connection": "close"}
        writer.write(wire.response_head(200, headers))
        while left and (data := file.read(min(left, wire.PIECE))):
            left -= len(data)
            writer.write(data)
            await writer.drain()


# HTTP ---------------------------------------------------------------------------------------------------------------------------------


class Envd:
    """One sandbox's."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.processes: dict[int, Process] = {}
        self._environment = environment
        self._tasks: set[asyncio.Task[None]] = set()
        self._unary: dict[str, Callable[[Message], Message]] = {
            "/process.Process/List": self._list,
            "/process.Process/SendSignal": self._send_signal,
            "/process.Process/SendInput": self._send_input,
            "/process.Process/CloseStdin": self._close_stdin,
            "/filesystem.Filesystem/Stat": _stat,
            "/filesystem.Filesystem/ListDir": _list_dir,
            "/filesystem.Filesystem/MakeDir": _make_dir,
            "/filesystem.Filesystem/Move": _move,
            "/filesystem.Filesystem/Remove": _remove,
        }

    def keep(self, work: asyncio.Task[None]) -> None:
        self._tasks.add(work)
        work.add_done_callback(self._tasks.discard)

    async def serve(self, connection: socket.socket) -> None:
        reader, writer = await asyncio.open_connection(sock=connection, limit=wire.LIMIT)
        try:
            await self._serve(await wire.read_head(reader), reader, writer)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _serve(self, head: wire.Head, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path = head.path
        if path == "/health":
            writer.write(wire.response_head(204, {"connection": "close"}))
        elif path == "/files":
            await self._files(head, reader, writer)
        elif path in ("/process.Process/Start", "/process.Process/Connect"):
            await self._stream(head, wire.open_envelope(await wire.read_body(reader, head)), reader, writer)
        elif path == "/process.Process/StreamInput":
            await self._stream_input(head, reader, writer)
        else:
            body = await wire.read_body(reader, head)
            try:
                self._check_user(head)
                procedure = self._unary.get(path, _not_there)
                writer.write(wire.answer(200, procedure(json.loads(body or b"{}"))))
            except ConnectError as error:
                writer.write(wire.answer(_HTTP[error.code], error.body))
            except OSError as error:
                writer.write(wire.answer(500, {"code": "internal", "message": f"{error.strerror}: {error.filename}"}))

    @staticmethod
    def _check_user(head: wire.Head) -> None:
        given = head.get("authorization").partition("Basic ")[2]
        name = base64.b64decode(given).decode().partition(":")[0] or head.query.get("username", USER)
        if name != USER:
            raise ConnectError("unauthenticated", f"invalid username: '{name}'")

    async def _files(self, head: wire.Head, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        body = await wire.read_body(reader, head)
        try:
            self._check_user(head)
            if head.method == "POST":
                writer.write(wire.answer(200, [_write(path, data) for path, data in _parts(head, body)]))
            else:
                await _send_file(_path(head.query.get("path", "")), writer)
        except ConnectError as error:
            status = _HTTP[error.code]
            writer.write(wire.answer(status, {"code": status, "message": error.message}))
        except OSError as error:
            status = 507 if error.errno == errno.ENOSPC else 500
            writer.write(wire.answer(status, {"code": status, "message": f"{error.strerror}: {error.filename}"}))

    # Processes

    def _process(self, asked: Message) -> Process:
        by = asked.get("process", {})
        for process in self.processes.values():
            if process.pid == by.get("pid") or ("tag" in by and process.tag == by["tag"]):
                return process
        raise ConnectError("not_found", f"process with {'tag' if 'tag' in by else 'pid'} {by.get('tag') or by.get('pid')} not found")

    def _list(self, _: Message) -> Message:
        return {
            "processes": [
                {"config": p.config, "pid": p.pid, **({"tag": p.tag} if p.tag is not None else {})} for p in self.processes.values()
            ]
        }

    def _send_signal(self, asked: Message) -> Message:
        number = {"SIGNAL_SIGKILL": signal.SIGKILL, "SIGNAL_SIGTERM": signal.SIGTERM}.get(asked.get("signal", ""))
        if number is None:
            raise ConnectError("unimplemented", f"invalid signal: {asked.get('signal')}")
        self._process(asked).signal(number)
        return {}

    def _send_input(self, asked: Message) -> Message:
        given = asked.get("input", {})
        if "stdin" not in given:
            raise ConnectError("unimplemented", "only stdin is there")
        self._process(asked).input(base64.b64decode(given["stdin"]))
        return {}

    def _close_stdin(self, asked: Message) -> Message:
        self._process(asked).close_input()
        return {}

    async def _stream_input(self, head: wire.Head, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Everything is read before any of it is given on: a test's input is short."""
        body = await wire.read_body(reader, head)
        last: Message = {}
        try:
            process: Process | None = None
            while body:
                asked = wire.open_envelope(body)
                body = body[5 + int.from_bytes(body[1:5], "big") :]
                if "start" in asked:
                    process = self._process(asked["start"])
                elif "data" in asked and process:
                    process.input(base64.b64decode(asked["data"]["input"]["stdin"]))
        except ConnectError as error:
            last = {"error": error.body}
        messages = ([] if last else [wire.envelope({})]) + [wire.envelope(last, last=True)]
        writer.write(wire.answer(200, b"".join(messages), {"content-type": "application/connect+json"}))

    async def _stream(self, head: wire.Head, asked: Message, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        headers = {"content-type": "application/connect+json", "transfer-encoding": "chunked", "connection": "close"}
        started = wire.response_head(200, headers)
        seconds = float(head.get("connect-timeout-ms") or 0) / 1000
        queue: asyncio.Queue[Message] = asyncio.Queue()
        try:
            self._check_user(head)
            if head.path.endswith("/Start"):
                process = await self._start(asked, queue, seconds)
            else:
                process = self._process(asked)
                process.followers.add(queue)
                if seconds:
                    over = {"error": {"code": "deadline_exceeded", "message": "context deadline exceeded"}}
                    asyncio.get_running_loop().call_later(seconds, queue.put_nowait, over)
        except ConnectError as error:
            writer.write(started + wire.chunk(wire.envelope({"error": error.body}, last=True)) + b"0\r\n\r\n")
            return
        leaving = asyncio.ensure_future(reader.read())
        leaving.add_done_callback(lambda _: queue.put_nowait({}))
        try:
            writer.write(started + wire.chunk(wire.envelope({"event": {"start": {"pid": process.pid}}})))
            interval = float(head.get("keepalive-ping-interval") or 90)
            while message := await _next(queue, interval):
                process.read_on()
                if "error" in message:
                    writer.write(wire.chunk(wire.envelope(message, last=True)) + b"0\r\n\r\n")
                    return
                data = wire.chunk(wire.envelope(message))
                if "end" in message["event"]:
                    writer.write(data + wire.chunk(wire.envelope({}, last=True)) + b"0\r\n\r\n")
                    return
                writer.write(data)
                await writer.drain()
        finally:
            leaving.cancel()
            process.followers.discard(queue)
            process.read_on()

    def _ended(self, process: Process) -> None:
        self.processes.pop(process.pid, None)

    async def _start(self, asked: Message, queue: asyncio.Queue[Message], seconds: float) -> Process:
        if "pty" in asked:
            raise ConnectError("unimplemented", "terminals are not there")
        process = Process(asked["process"], asked.get("tag"), self._environment)
        process.followers.add(queue)
        await process.start(stdin=asked.get("stdin", False), ended=self._ended)
        if not process.over:
            self.processes[process.pid] = process
        if seconds:
            process.deadline = asyncio.get_running_loop().call_later(seconds, process.expire)
        return process


async def _next(queue: asyncio.Queue[Message], interval: float) -> Message:
    try:
        return await asyncio.wait_for(queue.get(), interval)
    except TimeoutError:
        return {"event": {"keepalive": {}}}


async def _dial(reply: socket.socket, port: int) -> None:
    """Connect to a port of the sandbox and hand the connection out."""
    loop = asyncio.get_running_loop()
    with reply:
        for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
            with contextlib.suppress(OSError), socket.socket(family) as connection:
                connection.setblocking(False)
                await loop.sock_connect(connection, (address, port))
                socket.send_fds(reply, [b"+"], [connection.fileno()])
                return
        reply.send(b"-")


def _end_everything() -> None:
    os.kill(-1, signal.SIGKILL)
    os._exit(0)


async def main() -> None:
    control = socket.socket(fileno=int(sys.argv[1]))
    control.set_inheritable(False)
    control.setblocking(False)
    envd = Envd(dict(os.environ))

    def request() -> None:
        try:
            data, given, _, _ = socket.recv_fds(control, 256, 1)
        except OSError:
            data, given = b"", []
        if not data:
            _end_everything()
        connection = socket.socket(fileno=given[0])
        connection.setblocking(False)
        port = int(data)
        envd.keep(asyncio.create_task(envd.serve(connection) if port == PORT else _dial(connection, port)))

    asyncio.get_running_loop().add_reader(control.fileno(), request)
    subprocess.Popen(["dbus-daemon", "--session", f"--address=unix:path={BUS}", "--nofork", "--nopidfile", "--nosyslog"])
    control.send(b"ready")
    await asyncio.Event().wait()


if __name__ == "__main__":
    try:
        asyncio.run(main())
    finally:
        _end_everything()
