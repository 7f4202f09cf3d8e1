"""What a viewer says to a desk, taken apart: an incremental parser of the client's side of an RFB connection. It does no IO.

Promises: `feed` gives the complete messages in what has been said so far, however it was cut into pieces, each as the bytes to pass on.
The connection is made a shared one whatever the viewer asks for. What cannot be understood or is longer than is taken raises `RfbError`,
for where one message ends unseen, the next cannot be found. `Held` knows which keys and buttons are down and how to let go of them.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from hotdesk.errors import BadInput

__all__ = ["CUT_TEXT_BYTES", "Held", "Kind", "Message", "RfbError", "ViewerParser"]

CUT_TEXT_BYTES = 4 << 20
"""Longest clipboard that is passed on."""
FENCE_BYTES = 64
"""Longest payload of a fence, by the protocol."""
NONE = 1
"""The security type without a password: the desk's socket is private, the guard stands at the door."""
EXTENDED_MOUSE_BUTTONS = -316
"""An encoding that would change the length of pointer messages once the desk agreed to it; no viewer may ask for it."""

VERSIONS = (b"RFB 003.003\n", b"RFB 003.007\n", b"RFB 003.008\n")


class RfbError(BadInput):
    """The viewer said something that cannot be passed on."""


class Kind(Enum):
    PROTOCOL = "protocol"
    """What every viewer may say: handshake, encodings, update requests."""
    INPUT = "input"
    """What moves something on the desk: keys, pointer, clipboard."""
    DROPPED = "dropped"
    """What nobody may say: another size of the screen, shutting the machine down."""


@dataclass(frozen=True, slots=True)
class Message:
    kind: Kind
    data: bytes


def _cut_text(length: int) -> int:
    if abs(length) > CUT_TEXT_BYTES:
        raise RfbError(f"This viewer sent a clipboard of {abs(length):,} bytes; at most {CUT_TEXT_BYTES:,} are passed on.")
    return 8 + abs(length)  # a negative length marks the extended clipboard


def _fence(length: int) -> int:
    if length > FENCE_BYTES:
        raise RfbError(f"This viewer sent a fence of {length} bytes; the protocol allows {FENCE_BYTES}.")
    return 9 + length


def _qemu(kind: int) -> int:
    if kind != 0:
        raise RfbError(f"This viewer sent a message of the unknown type 255.{kind}.")
    return 12


SET_PIXEL_FORMAT, SET_ENCODINGS, UPDATE_REQUEST, KEY, POINTER, CUT_TEXT = 0, 2, 3, 4, 5, 6
CONTINUOUS_UPDATES, FENCE, XVP, DESKTOP_SIZE, GII, QEMU = 150, 248, 250, 251, 253, 255

FIXED = {SET_PIXEL_FORMAT: 20, UPDATE_REQUEST: 10, KEY: 8, POINTER: 6, CONTINUOUS_UPDATES: 10, XVP: 4}
"""Messages of one length."""
MEASURED: dict[int, tuple[int, str, Callable[[int], int]]] = {
    SET_ENCODINGS: (4, ">2xH", lambda encodings: 4 + 4 * encodings),
    CUT_TEXT: (8, ">4xi", _cut_text),
    FENCE: (9, ">8xB", _fence),
    DESKTOP_SIZE: (8, ">6xBx", lambda screens: 8 + 16 * screens),
    GII: (4, ">2xH", lambda length: 4 + length),
    QEMU: (2, ">xB", _qemu),
}
"""Messages that say how long they are: bytes needed to know, where the number is, and the length it stands for."""


class ViewerParser:
    def __init__(self) -> None:
        self._buffer = bytearray()
        self._phase = self._version

    def feed(self, data: bytes) -> list[Message]:
        """The messages that are complete now. Raises `RfbError`."""
        self._buffer += data
        messages: list[Message] = []
        while (message := self._phase()) is not None:
            messages.append(message)
        return messages

    def _version(self) -> Message | None:
        data = self._cut(12)
        if data is None:
            return None
        if data not in VERSIONS:
            raise RfbError("This viewer speaks no version of RFB that is known here.")
        # In version 3.3 the desk alone decides on the security type.
        self._phase = self._init if data == VERSIONS[0] else self._security
        return Message(Kind.PROTOCOL, data)

    def _security(self) -> Message | None:
        data = self._cut(1)
        if data is None:
            return None
        if data[0] != NONE:
            raise RfbError("This viewer asks for a kind of security that desks do not offer.")
        self._phase = self._init
        return Message(Kind.PROTOCOL, data)

    def _init(self) -> Message | None:
        if self._cut(1) is None:
            return None
        self._phase = self._message
        return Message(Kind.PROTOCOL, b"\1")

    def _message(self) -> Message | None:
        length = self._length()
        data = None if length is None else self._cut(length)
        if data is None:
            return None
        if data[0] == SET_ENCODINGS:
            return Message(Kind.PROTOCOL, _without_extended_buttons(data))
        if data[0] in (KEY, POINTER, CUT_TEXT, QEMU):
            return Message(Kind.INPUT, data)
        return Message(Kind.DROPPED if data[0] in (XVP, DESKTOP_SIZE, GII) else Kind.PROTOCOL, data)

    def _length(self) -> int | None:
        """The length of the message that the buffer begins with, or None if too little of it is there to tell."""
        if not self._buffer:
            return None
        kind = self._buffer[0]
        if kind in FIXED:
            return FIXED[kind]
        if kind not in MEASURED:
            raise RfbError(f"This viewer sent a message of the unknown type {kind}.")
        size, form, length = MEASURED[kind]
        if len(self._buffer) < size:
            return None
        if kind == GII and not self._buffer[1] & 0x80:
            form = "<2xH"
        (number,) = struct.unpack_from(form, self._buffer)
        return length(number)

    def _cut(self, length: int) -> bytes | None:
        if len(self._buffer) < length:
            return None
        data = bytes(self._buffer[:length])
        del self._buffer[:length]
        return data


class Held:
    """The keys and buttons that are down, by what was passed on."""

    def __init__(self) -> None:
        self._keys: dict[bytes, bytes] = {}
        self._buttons = 0
        self._at = b"\0\0\0\0"

    def note(self, data: bytes) -> None:
        """An input message was passed on."""
        if data[0] == KEY:
            self._key(data[1] != 0, data[4:8], bytes([KEY, 0, 0, 0]) + data[4:8])
        elif data[0] == QEMU:
            self._key(data[2:4] != b"\0\0", data[4:12], bytes([QEMU, 0, 0, 0]) + data[4:12])
        elif data[0] == POINTER:
            self._buttons, self._at = data[1], data[2:6]

    def let_go(self) -> bytes:
        """The messages that release all of them; afterwards none is held."""
        pointer = bytes([POINTER, 0]) + self._at if self._buttons else b""
        said = pointer + b"".join(self._keys.values())
        self._keys, self._buttons = {}, 0
        return said

    def _key(self, down: bool, name: bytes, release: bytes) -> None:
        if down:
            self._keys[name] = release
        else:
            self._keys.pop(name, None)


def _without_extended_buttons(data: bytes) -> bytes:
    encodings = struct.unpack(f">{(len(data) - 4) // 4}i", data[4:])
    if EXTENDED_MOUSE_BUTTONS not in encodings:
        return data
    kept = [encoding for encoding in encodings if encoding != EXTENDED_MOUSE_BUTTONS]
    return struct.pack(f">BxH{len(kept)}i", 2, len(kept), *kept)
