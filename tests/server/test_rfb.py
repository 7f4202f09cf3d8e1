"""The parser of what a viewer says."""

from __future__ import annotations

import struct
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotdesk.server.rfb import CUT_TEXT_BYTES, Held, Kind, Message, RfbError, ViewerParser

SHAKEN = b"RFB 003.008\n\x01\x01"


def key(symbol: int, down: bool = True) -> bytes:
    return struct.pack(">BBxxI", 4, down, symbol)


def qemu_key(symbol: int, code: int, down: bool = True) -> bytes:
    return struct.pack(">BBHII", 255, 0, down, symbol, code)


def pointer(buttons: int, x: int = 1, y: int = 2) -> bytes:
    return struct.pack(">BBHH", 5, buttons, x, y)


u32 = st.integers(0, 2**32 - 1)
u16 = st.integers(0, 2**16 - 1)
u8 = st.integers(0, 255)


def cut(text: bytes, extended: bool) -> bytes:
    return struct.pack(">Bxxxi", 6, -len(text) if extended else len(text)) + text


messages = st.one_of(
    st.binary(min_size=19, max_size=19).map(lambda rest: (Kind.PROTOCOL, b"\0" + rest)),
    st.lists(st.integers(-315, 2**31 - 1), max_size=20).map(
        lambda encodings: (Kind.PROTOCOL, struct.pack(f">BxH{len(encodings)}i", 2, len(encodings), *encodings))
    ),
    st.binary(min_size=9, max_size=9).map(lambda rest: (Kind.PROTOCOL, b"\3" + rest)),
    st.builds(lambda symbol, down: (Kind.INPUT, key(symbol, down)), u32, st.booleans()),
    st.builds(lambda buttons, x, y: (Kind.INPUT, pointer(buttons, x, y)), u8, u16, u16),
    st.builds(lambda text, extended: (Kind.INPUT, cut(text, extended)), st.binary(max_size=300), st.booleans()),
    st.binary(min_size=9, max_size=9).map(lambda rest: (Kind.PROTOCOL, b"\x96" + rest)),
    st.builds(lambda flags, load: (Kind.PROTOCOL, struct.pack(">BxxxIB", 248, flags, len(load)) + load), u32, st.binary(max_size=64)),
    st.integers(0, 8).map(lambda screens: (Kind.DROPPED, struct.pack(">BxHHBx", 251, 9, 9, screens) + bytes(16 * screens))),
    st.binary(min_size=3, max_size=3).map(lambda rest: (Kind.DROPPED, b"\xfa" + rest)),
    st.builds(lambda symbol, code, down: (Kind.INPUT, qemu_key(symbol, code, down)), u32, u32, st.booleans()),
    st.binary(max_size=50).map(lambda load: (Kind.DROPPED, struct.pack(">BBH", 253, 0x81, len(load)) + load)),
    st.binary(max_size=50).map(lambda load: (Kind.DROPPED, struct.pack("<BBH", 253, 0x01, len(load)) + load)),
)


@given(said=st.lists(messages, max_size=12), cuts=st.lists(st.integers(0, 2000), max_size=30))
def test_however_it_is_cut_into_pieces_the_same_messages_come_out(said: list[tuple[Kind, bytes]], cuts: list[int]) -> None:
    whole = SHAKEN + b"".join(data for _, data in said)
    places = [0, *sorted(min(place, len(whole)) for place in cuts), len(whole)]
    parser, got = ViewerParser(), list[Message]()
    for start, end in pairwise(places):
        got += parser.feed(whole[start:end])
    assert [(message.kind, message.data) for message in got[3:]] == said


@given(said=st.lists(messages, max_size=5))
def test_byte_by_byte_a_message_comes_with_its_last_byte(said: list[tuple[Kind, bytes]]) -> None:
    parser = ViewerParser()
    for byte in SHAKEN:
        parser.feed(bytes([byte]))
    for kind, data in said:
        for byte in data[:-1]:
            assert parser.feed(bytes([byte])) == []
        assert parser.feed(data[-1:]) == [Message(kind, data)]


@given(st.lists(st.binary(max_size=200), max_size=20))
def test_noise_is_refused_and_nothing_else_goes_wrong(noise: list[bytes]) -> None:
    parser = ViewerParser()
    parser.feed(SHAKEN)
    try:
        for piece in noise:
            parser.feed(piece)
    except RfbError as error:
        assert str(error).endswith(".")


def test_a_connection_is_always_a_shared_one() -> None:
    said = [message.data for message in ViewerParser().feed(b"RFB 003.008\n\x01\x00")]
    assert said == [b"RFB 003.008\n", b"\x01", b"\x01"]


def test_in_version_3_3_the_viewer_chooses_no_security() -> None:
    said = [message.data for message in ViewerParser().feed(b"RFB 003.003\n\x00" + key(97))]
    assert said == [b"RFB 003.003\n", b"\x01", key(97)]


@pytest.mark.parametrize(
    "said",
    [
        b"GET / HTTP/1.1\r\n",
        b"RFB 003.889\n",
        b"RFB 003.008\n\x02",
        SHAKEN + b"\x07",
        SHAKEN + b"\xff\x01",
        SHAKEN + struct.pack(">Bxxxi", 6, CUT_TEXT_BYTES + 1),
        SHAKEN + struct.pack(">Bxxxi", 6, -CUT_TEXT_BYTES - 1),
        SHAKEN + struct.pack(">Bxxxi", 6, -(2**31)),
        SHAKEN + struct.pack(">BxxxIB", 248, 0, 65),
    ],
)
def test_what_cannot_be_understood_or_is_too_long_is_refused(said: bytes) -> None:
    with pytest.raises(RfbError):
        ViewerParser().feed(said)


def test_a_clipboard_of_the_greatest_length_passes() -> None:
    parser = ViewerParser()
    parser.feed(SHAKEN)
    [message] = parser.feed(cut(bytes(CUT_TEXT_BYTES), True))
    assert len(message.data) == CUT_TEXT_BYTES + 8


def test_no_viewer_can_ask_for_pointer_messages_of_another_length() -> None:
    parser = ViewerParser()
    parser.feed(SHAKEN)
    [message] = parser.feed(struct.pack(">BxH3i", 2, 3, 16, -316, -223))
    assert message.data == struct.pack(">BxH2i", 2, 2, 16, -223)


def test_what_is_held_down_is_let_go_of_once() -> None:
    held = Held()
    for said in (key(0xFFE1), key(97), key(97, False), qemu_key(98, 48), pointer(1, 10, 20), pointer(1, 30, 40), cut(b"x", False)):
        held.note(said)
    assert held.let_go() == pointer(0, 30, 40) + key(0xFFE1, False) + qemu_key(98, 48, False)
    assert held.let_go() == b""


@given(st.lists(st.one_of(st.builds(key, st.integers(0, 3), st.booleans()), st.builds(pointer, st.integers(0, 1))), max_size=30))
def test_after_letting_go_nothing_is_down(said: list[bytes]) -> None:
    held, down, buttons = Held(), set[int](), 0
    for message in said:
        held.note(message)
    for message in said + [m.data for m in _parsed(held.let_go())]:
        if message[0] == 5:
            buttons = message[1]
        else:
            symbol = int.from_bytes(message[4:8])
            (down.add if message[1] else down.discard)(symbol)
    assert (down, buttons) == (set(), 0)


def _parsed(data: bytes) -> list[Message]:
    parser = ViewerParser()
    parser.feed(SHAKEN)
    return parser.feed(data)
