"""A small client of one X server over its unix socket: what a desk needs of the protocol, and nothing else.

Calls are made from one thread. `send` only sends; `ask` waits for the reply, which takes some 0.03 ms. Events are given to `handlers` (by
event code) as they are met, while a reply is awaited or in `pump`; a handler may send but not ask. Requests that fail without anybody
waiting for their reply are forgotten, as windows come and go by themselves. When the server is gone every call raises `DeskGone`.

Little-endian, one screen, 32 bits per pixel, as Xvnc and Xvfb have it. Numbers of requests and layouts: X11 protocol, encoding appendix.
"""

from __future__ import annotations

import array
import select
import socket
import struct
from collections.abc import Callable, Sequence

from hotdesk.errors import DeskGone

REPLY_BOUND = 10
"""Seconds the server may take for a reply: another client may hold it (a window being resized), but not for long."""

KEY_PRESS, KEY_RELEASE, BUTTON_PRESS, BUTTON_RELEASE, MOTION = 2, 3, 4, 5, 6
PROPERTY_NOTIFY, SELECTION_CLEAR, SELECTION_REQUEST, SELECTION_NOTIFY, GENERIC_EVENT = 28, 29, 30, 31, 35
PROPERTY_CHANGES = 0x400000
STRING, CARDINAL, ATOM, WINDOW, PIXMAP = 31, 6, 4, 33, 20
"""Predefined atoms."""

_ERROR, _REPLY = 0, 1
_AUTHENTICATION = b"MIT-MAGIC-COOKIE-1"


class RequestFailedError(Exception):
    """The server refused a request whose reply was asked for."""


def padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


class Display:
    """A connection. `root`, `width`, `height`, `first_keycode`, `last_keycode` are what the server said of itself; ids of
    windows below `first_client_id` are the server's own."""

    def __init__(self, connection: socket.socket, secret: bytes) -> None:
        self._socket = connection
        self._socket.settimeout(None)
        for bound in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):  # the kernel's, so that `pump` can still read without waiting
            self._socket.setsockopt(socket.SOL_SOCKET, bound, struct.pack("ll", REPLY_BOUND, 0))
        self._incoming = bytearray()
        self._sequence = 0
        self._last_id = 0
        self._atoms: dict[str, int] = {}
        self.handlers: dict[int, Callable[[bytes], None]] = {}
        hello = struct.pack("<BxHHHHxx", 0x6C, 11, 0, len(_AUTHENTICATION), len(secret))
        self._transmit(hello + padded(_AUTHENTICATION) + padded(secret))
        head = self._take(8)
        setup = self._take(struct.unpack_from("<H", head, 6)[0] * 4)
        if head[0] != 1:
            raise DeskGone(f"The desk's screen refused us: {setup[: head[1]].decode(errors='replace')}.")
        self._id_base, id_mask, _, vendor, _, _, formats = struct.unpack_from("<IIIHHBB", setup, 4)
        self.first_client_id = id_mask + 1
        self.first_keycode, self.last_keycode = setup[26], setup[27]
        screen = 32 + vendor + (-vendor % 4) + 8 * formats
        self.root, _, _, _, _, self.width, self.height = struct.unpack_from("<IIIIIHH", setup, screen)
        (self.root_visual,) = struct.unpack_from("<I", setup, screen + 32)
        self.depth = setup[screen + 38]
        self.ask(struct.pack("<BBH", self.extension("BIG-REQUESTS")[0], 0, 0))

    def fileno(self) -> int:
        return self._socket.fileno()

    def close(self) -> None:
        self._socket.close()

    # Requests ------------------------------------------------------------------------------------------------------------------

    def new_id(self) -> int:
        self._last_id += 1
        return int(self._id_base) | self._last_id

    def send(self, request: bytes, descriptors: Sequence[int] = ()) -> int:
        """Send one request, its length filled in; the sequence number of it."""
        data = self._framed(request)
        if descriptors:
            rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))]
            try:
                self._socket.sendmsg([data], rights)
            except OSError as error:
                raise DeskGone("The desk's screen is gone.") from error
        else:
            self._transmit(data)
        self._sequence = self._sequence + 1 & 0xFFFF
        return self._sequence

    def send_all(self, requests: Sequence[bytes]) -> None:
        """Send many at once."""
        self._transmit(b"".join(map(self._framed, requests)))
        self._sequence = self._sequence + len(requests) & 0xFFFF

    def ask(self, request: bytes, descriptors: Sequence[int] = ()) -> bytes:
        """Send a request and wait for its reply. Raises `RequestFailedError`."""
        reply = self._reply(self.send(request, descriptors))
        self._handle_rest()
        return reply

    def ask_all(self, requests: Sequence[bytes]) -> list[bytes]:
        """Send many and wait for their replies, in the time of one."""
        first = self._sequence + 1
        self.send_all(requests)
        replies = [self._reply(first + index & 0xFFFF) for index in range(len(requests))]
        self._handle_rest()
        return replies

    def sync(self) -> None:
        """Return when the server has done everything sent before (GetInputFocus)."""
        self.ask(struct.pack("<BxH", 43, 1))

    def pump(self) -> None:
        """Handle every event that has come in; does not wait."""
        while True:
            try:
                data = self._socket.recv(1 << 16, socket.MSG_DONTWAIT)
            except BlockingIOError:
                break
            except OSError as error:
                raise DeskGone("The desk's screen is gone.") from error
            if not data:
                raise DeskGone("The desk's screen is gone.")
            self._incoming += data
        self._handle_rest()

    # The protocol's own requests ---------------------------------------------------------------------------------------------------

    def extension(self, name: str) -> tuple[int, int]:
        """The extension's request number and its first event."""
        encoded = name.encode()
        reply = self.ask(struct.pack("<BxHHxx", 98, 0, len(encoded)) + encoded)
        if not reply[8]:
            raise RequestFailedError(f"the X server has no {name}")
        return reply[9], reply[10]

    def atom(self, name: str) -> int:
        if name not in self._atoms:
            self.intern([name])
        return self._atoms[name]

    def intern(self, names: Sequence[str]) -> None:
        """Look up many atoms at once, so that handlers need not ask."""
        encoded = [name.encode() for name in names]
        replies = self.ask_all([struct.pack("<BBHHxx", 16, 0, 0, len(name)) + name for name in encoded])
        self._atoms.update(zip(names, (struct.unpack_from("<I", reply, 8)[0] for reply in replies), strict=True))

    def property(self, window: int, name: str, delete: bool = False, longest: int = 1 << 26) -> tuple[int, bytes]:
        """Type and value; type 0 if there is none."""
        reply = self.ask(struct.pack("<BBHIIIII", 20, delete, 0, window, self.atom(name), 0, 0, longest // 4))
        kind, _, count = struct.unpack_from("<III", reply, 8)
        return kind, reply[32 : 32 + count * (reply[1] // 8)]

    def set_property(self, window: int, name: int, kind: int, width: int, value: bytes) -> None:
        self.send(struct.pack("<BBHIIIBxxxI", 18, 0, 0, window, name, kind, width, len(value) * 8 // width) + value)

    def windows_of(self, name: str) -> list[int]:
        """The windows that a property of the root window lists."""
        _, value = self.property(self.root, name)
        return list(struct.unpack(f"<{len(value) // 4}I", value[: len(value) // 4 * 4]))

    def clients_of(self, wanted: Callable[[int], bool]) -> set[int]:
        """The numbers of the clients whose processes are `wanted` (by pid): what an id divided by `first_client_id` is. By X-Resource."""
        try:
            request = self.extension("X-Resource")[0]
            reply = self.ask(struct.pack("<BBHI", request, 4, 0, 1) + struct.pack("<II", 0, 2))
        except RequestFailedError:
            return set()
        found, place = set(), 32
        for _ in range(struct.unpack_from("<I", reply, 8)[0]):
            client, _, length = struct.unpack_from("<III", reply, place)
            place += 12
            if length >= 4 and wanted(struct.unpack_from("<I", reply, place)[0]):
                found.add(client // self.first_client_id)
            place += length + (-length % 4)
        return found

    def select_events(self, window: int, mask: int) -> None:
        self.send(struct.pack("<BxHIII", 2, 0, window, 0x800, mask))

    def hidden_window(self) -> int:
        """A window that is never seen, to own and receive selections, telling of changes to its properties."""
        window = self.new_id()
        self.send(struct.pack("<BBHIIhhHHHHIII", 1, 0, 0, window, self.root, -9, -9, 1, 1, 0, 2, 0, 0x800, PROPERTY_CHANGES))
        return window

    # The wire ----------------------------------------------------------------------------------------------------------------------

    @staticmethod
    def _framed(request: bytes) -> bytes:
        data = padded(request)
        words = len(data) // 4
        if words < 1 << 16:
            return data[:2] + words.to_bytes(2, "little") + data[4:]
        return data[:2] + b"\0\0" + (words + 1).to_bytes(4, "little") + data[4:]

    def _transmit(self, data: bytes) -> None:
        try:
            left = memoryview(data)
            while left:
                try:
                    left = left[self._socket.send(left) :]
                except BlockingIOError:
                    self._wait(select.POLLOUT)
        except OSError as error:
            raise DeskGone("The desk's screen is gone.") from error

    def _wait(self, what: int) -> None:
        """Wait where the socket does not: event loops on libuv make every descriptor that they watch one that does not block."""
        poll = select.poll()
        poll.register(self._socket, what)
        if not poll.poll(REPLY_BOUND * 1000):
            raise DeskGone("The desk's screen does not answer.")

    def _take(self, length: int) -> bytes:
        while len(self._incoming) < length:
            try:
                data = self._socket.recv(max(1 << 16, min(length, 1 << 22)))
            except BlockingIOError:
                self._wait(select.POLLIN)
                continue
            except OSError as error:
                raise DeskGone("The desk's screen is gone.") from error
            if not data:
                raise DeskGone("The desk's screen is gone.")
            self._incoming += data
        taken = bytes(self._incoming[:length])
        del self._incoming[:length]
        return taken

    def _reply(self, sequence: int) -> bytes:
        while True:
            packet = self._next()
            if packet[0] in (_ERROR, _REPLY) and struct.unpack_from("<H", packet, 2)[0] == sequence:
                if packet[0] == _ERROR:
                    raise RequestFailedError(f"error {packet[1]} for request {packet[10]}.{struct.unpack_from('<H', packet, 8)[0]}")
                return packet

    def _handle_rest(self) -> None:
        """Handle what was read along with a reply: nobody would be woken for it."""
        while len(self._incoming) >= 32:
            self._next()

    def _next(self) -> bytes:
        """Take one packet off the wire; events are handled here."""
        packet = self._take(32)
        kind = packet[0] & 0x7F
        if kind in (_REPLY, GENERIC_EVENT):
            packet += self._take(struct.unpack_from("<I", packet, 4)[0] * 4)
        if kind > _REPLY and (handler := self.handlers.get(kind)):
            handler(packet)
        return packet
