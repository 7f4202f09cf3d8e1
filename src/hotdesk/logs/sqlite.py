"""A log in one SQLite file (WAL) in the session's folder, shared by every process that takes part in the session.

How it keeps the contract
- Order: an append holds an exclusive `flock` on `log.bell` for the length of one transaction, so writers queue in the kernel (no busy
  loop) and each numbers its events after the last. A writer that is killed loses the lock and its open transaction at once.
- Waking: after the commit the writer touches `log.bell`; followers watch that file with inotify. Watching the database itself would
  be wrong: its WAL changes *before* the commit can be seen. A writer killed between commit and bell is heard at the next bell or after
  `UNRUNG` seconds. Where inotify has no instance left, followers look every `WITHOUT_INOTIFY` seconds instead.
- Reading never waits for writers (WAL) and happens in the calling thread, in slices; appending may wait and happens in a thread.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import threading
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, closing, contextmanager, suppress
from pathlib import Path

import anyio
import anyio.lowlevel
import anyio.to_thread
from inotify_simple import INotify, flags

from hotdesk.errors import LogError, NotFound, SessionBusy
from hotdesk.events import Event, event_from_json
from hotdesk.logs.base import Log, Logs

UNRUNG = 1.0
"""Seconds after which a follower looks without having been woken: only for a writer that died between its commit and the bell."""
WITHOUT_INOTIFY = 0.05
"""Seconds between two looks where the kernel gives no inotify instance."""
SLICE = 500
"""Events read in one go, so that a long log does not hold up the event loop."""
BUSY = 10.0
"""Seconds SQLite itself waits for a lock (held only while another process opens or checkpoints the file)."""

FILE = "log.sqlite"
BELL = "log.bell"
LOCK = "conductor.lock"

_SCHEMA = "CREATE TABLE IF NOT EXISTS events (seq INTEGER PRIMARY KEY, body TEXT NOT NULL) STRICT"


class SqliteLog(Log):
    def __init__(self, session: str, folder: Path) -> None:
        """Open the log in `folder`. Raises `LogError`."""
        self.session = session
        self.folder = folder
        self._writing = threading.Lock()
        try:
            self._bell = os.open(folder / BELL, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            self._writer = self._connect()
            self._reader = self._connect()
        except (OSError, sqlite3.Error) as error:
            raise LogError(f"The log of session {session} cannot be opened: {error}.") from error
        self._closed = False

    def _connect(self) -> sqlite3.Connection:
        db = sqlite3.connect(self.folder / FILE, timeout=BUSY, isolation_level=None, check_same_thread=False)
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=NORMAL")
        db.execute(_SCHEMA)
        return db

    async def append(self, *events: Event) -> list[Event]:
        return await anyio.to_thread.run_sync(self._append, events)

    def _append(self, events: Sequence[Event]) -> list[Event]:
        try:
            with self._writing, self._queue():
                self._writer.execute("BEGIN IMMEDIATE")
                try:
                    (last,) = self._writer.execute("SELECT coalesce(max(seq), 0) FROM events").fetchone()
                    now = time.time()
                    stored = [
                        event.model_copy(update={"seq": seq, "at": event.at or now, "session": self.session})
                        for seq, event in enumerate(events, last + 1)
                    ]
                    rows = [(event.seq, event.model_dump_json(exclude={"seq"})) for event in stored]
                    self._writer.executemany("INSERT INTO events VALUES (?, ?)", rows)
                    self._writer.execute("COMMIT")
                except BaseException:
                    with suppress(sqlite3.Error):
                        self._writer.execute("ROLLBACK")
                    raise
                os.pwrite(self._bell, b"!", 0)
        except (OSError, sqlite3.Error) as error:
            raise LogError(f"Nothing could be written to the log of session {self.session}: {error}.") from error
        return stored

    @contextmanager
    def _queue(self) -> Iterator[None]:
        fcntl.flock(self._bell, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(self._bell, fcntl.LOCK_UN)

    async def read(self, after: int = 0, limit: int | None = None) -> list[Event]:
        found: list[Event] = []
        while limit is None or len(found) < limit:
            size = SLICE if limit is None else min(SLICE, limit - len(found))
            some = self._slice(after, size)
            found += some
            if len(some) < size:
                break
            after = some[-1].seq
            await anyio.lowlevel.checkpoint()
        return found

    def _slice(self, after: int, size: int) -> list[Event]:
        try:
            rows = self._reader.execute("SELECT seq, body FROM events WHERE seq > ? ORDER BY seq LIMIT ?", (after, size))
            return [event_from_json(f'{{"seq":{seq},{body[1:]}') for seq, body in rows.fetchall()]
        except (sqlite3.Error, ValueError) as error:
            raise LogError(f"The log of session {self.session} cannot be read: {error}.") from error

    async def last(self) -> int:
        try:
            (last,) = self._reader.execute("SELECT coalesce(max(seq), 0) FROM events").fetchone()
        except sqlite3.Error as error:
            raise LogError(f"The log of session {self.session} cannot be read: {error}.") from error
        return int(last)

    @asynccontextmanager
    async def follow(self, after: int = 0) -> AsyncGenerator[AsyncIterator[Event]]:
        try:
            bell = INotify(nonblocking=True)
        except OSError:
            yield self._events(after, None)
            return
        with closing(bell):
            bell.add_watch(str(self.folder / BELL), flags.MODIFY)
            yield self._events(after, bell)

    async def _events(self, after: int, bell: INotify | None) -> AsyncGenerator[Event]:
        while True:
            if bell is not None:
                bell.read(timeout=0)  # before looking: what is written from here on rings again
            some = self._slice(after, SLICE)
            for event in some:
                after = event.seq
                yield event
            if some:
                await anyio.lowlevel.checkpoint()
            elif bell is None:
                await anyio.sleep(WITHOUT_INOTIFY)
            else:
                with anyio.move_on_after(UNRUNG):
                    await anyio.wait_readable(bell.fileno())

    @contextmanager
    def conduct(self) -> Iterator[None]:
        lock = os.open(self.folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(lock)
            raise SessionBusy(f"Session {self.session} is being conducted by another process.") from error
        try:
            yield
        finally:
            os.close(lock)

    async def aclose(self) -> None:
        if self._closed:
            return
        self._closed = True
        with self._writing:
            self._writer.close()
            self._reader.close()
            os.close(self._bell)


class SqliteLogs(Logs):
    def __init__(self, data: Path) -> None:
        self.data = data

    async def create(self, session: str) -> Log:
        folder = self.data / "sessions" / session
        try:
            folder.mkdir(parents=True, mode=0o700)
        except FileExistsError as error:
            raise LogError(f"There is already a session {session}.") from error
        except OSError as error:
            raise LogError(f"The folder of session {session} cannot be made: {error.strerror} ({error.filename}).") from error
        return SqliteLog(session, folder)

    async def open(self, session: str) -> Log:
        folder = self.data / "sessions" / session
        if not session or "/" in session or session.startswith(".") or not (folder / FILE).is_file():
            raise NotFound(f"There is no session {session}.")
        return SqliteLog(session, folder)

    async def sessions(self) -> list[str]:
        with suppress(FileNotFoundError):
            return sorted((path.parent.name for path in (self.data / "sessions").glob(f"*/{FILE}")), reverse=True)
        return []
