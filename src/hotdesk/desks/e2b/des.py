"""DES, which nothing but the VNC password still takes: one block, encrypted. Not for keeping anything secret.

`answer` is what a VNC server wants to hear (RFC 6143, 7.2.2): its challenge encrypted with the password as the key, whose bytes VNC reads
with their bits in reverse. Numbers and tables: FIPS 46-3.
"""

from __future__ import annotations

from collections.abc import Sequence

_IP = [58 - 8 * (i % 8) + 2 * (i // 8 % 4) - i // 32 for i in range(64)]
_FP = [_IP.index(i + 1) + 1 for i in range(64)]
_E = [(i // 6 * 4 + i % 6 - 1) % 32 + 1 for i in range(48)]
_P = [16, 7, 20, 21, 29, 12, 28, 17, 1, 15, 23, 26, 5, 18, 31, 10, 2, 8, 24, 14, 32, 27, 3, 9, 19, 13, 30, 6, 22, 11, 4, 25]
_PC1 = [
    *(57, 49, 41, 33, 25, 17, 9, 1, 58, 50, 42, 34, 26, 18, 10, 2, 59, 51, 43, 35, 27, 19, 11, 3, 60, 52, 44, 36),
    *(63, 55, 47, 39, 31, 23, 15, 7, 62, 54, 46, 38, 30, 22, 14, 6, 61, 53, 45, 37, 29, 21, 13, 5, 28, 20, 12, 4),
]
_PC2 = [
    *(14, 17, 11, 24, 1, 5, 3, 28, 15, 6, 21, 10, 23, 19, 12, 4, 26, 8, 16, 7, 27, 20, 13, 2),
    *(41, 52, 31, 37, 47, 55, 30, 40, 51, 45, 33, 48, 44, 49, 39, 56, 34, 53, 46, 42, 50, 36, 29, 32),
]
_SHIFTS = (1, 1, 2, 2, 2, 2, 2, 2, 1, 2, 2, 2, 2, 2, 2, 1)
_S = (
    "e4d12fb83a6c59070f74e2d1a6cb953841e8d62bfc973a50fc8249175b3ea06d",
    "f18e6b34972dc05a3d47f28ec01a69b50e7ba4d158c6932fd8a13f42b67c05e9",
    "a09e63f51dc7b428d709346a285ecbf1d6498f30b12c5ae71ad069874fe3b52c",
    "7de3069a1285bc4fd8b56f03472c1ae9a690cb7df13e52843f06a1d8945bc72e",
    "2c417ab6853fd0e9eb2c47d150fa3986421bad78f9c5630eb8c71e2d6f09a453",
    "c1af92680d34e75baf427c9561de0b389ef528c3704a1db6432c95fabe17608d",
    "4b2ef08d3c975a61d0b7491ae35c2f8614bdc37eaf6805926bd814a7950fe23c",
    "d2846fb1a93e50c71fd8a374c56b0e927b419ce206adf35821e74a8dfc90356b",
)
"""The boxes, a hexadecimal digit for each value, row by row."""


def _permuted(bits: Sequence[int], table: Sequence[int]) -> list[int]:
    return [bits[place - 1] for place in table]


def _bits(data: bytes) -> list[int]:
    return [byte >> (7 - i) & 1 for byte in data for i in range(8)]


def encrypt(key: bytes, block: bytes) -> bytes:
    """One block of eight bytes."""
    left_key, right_key = (half := _permuted(_bits(key), _PC1))[:28], half[28:]
    rounds = []
    for shift in _SHIFTS:
        left_key, right_key = left_key[shift:] + left_key[:shift], right_key[shift:] + right_key[:shift]
        rounds.append(_permuted(left_key + right_key, _PC2))
    state = _permuted(_bits(block), _IP)
    left, right = state[:32], state[32:]
    for subkey in rounds:
        mixed = [a ^ b for a, b in zip(_permuted(right, _E), subkey, strict=True)]
        out: list[int] = []
        for box in range(8):
            a, b, c, d, e, f = mixed[box * 6 : box * 6 + 6]
            value = int(_S[box][(a << 1 | f) << 4 | b << 3 | c << 2 | d << 1 | e], 16)
            out += [value >> 3 & 1, value >> 2 & 1, value >> 1 & 1, value & 1]
        left, right = right, [a ^ b for a, b in zip(left, _permuted(out, _P), strict=True)]
    bits = _permuted(right + left, _FP)
    return bytes(sum(bit << (7 - i) for i, bit in enumerate(bits[start : start + 8])) for start in range(0, 64, 8))


def answer(password: str, challenge: bytes) -> bytes:
    """What shows a VNC server that we know the password."""
    key = bytes(int(f"{byte:08b}"[::-1], 2) for byte in password.encode("latin-1")[:8].ljust(8, b"\0"))
    return b"".join(encrypt(key, challenge[start : start + 8]) for start in range(0, 16, 8))
