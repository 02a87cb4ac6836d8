"""Numbers and identifiers that depend on nothing but what they are made from."""

from __future__ import annotations

import hashlib
import string

_BASE62 = string.digits + string.ascii_letters


def number(*parts: object, size: int = 16) -> int:
    """Give a number of `size` bytes (at most 64) that is always the same for the same parts."""
    text = "\x1f".join(map(str, parts)).encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=size).digest(), "big")


def fraction(*parts: object) -> float:
    """Give a number in [0, 1) that is always the same for the same parts."""
    return number(*parts, size=6) / (1 << 48)


def base62(*parts: object, length: int = 22) -> str:
    """Give `length` letters and digits (22 as in Spotify's ids), always the same for the same parts."""
    left = number(*parts, size=64)
    text = ""
    while len(text) < length:
        left, digit = divmod(left, 62)
        text += _BASE62[digit]
        left = left or number(*parts, text, size=64)
    return text
