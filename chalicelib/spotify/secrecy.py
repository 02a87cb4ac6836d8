"""Secrets taken out of what comes back: an upstream, or whatever stands between, may send what it was sent."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from urllib.parse import quote

_INSTEAD = b"[secret]"
# Nothing shorter is a secret of Spotify's, and a short text is found where it means something else.
_SHORTEST = 8


class Secrets:
    """The values that may not be shown. Safe to use from several threads."""

    def __init__(self) -> None:
        self._forms: tuple[bytes, ...] = ()

    def know(self, *values: str) -> None:
        """Take out these values too from now on, and their base64."""
        forms = {*self._forms, *(form for value in values for form in _forms_of(value) if len(form) >= _SHORTEST)}
        # The longest first: one may be a part of another.
        self._forms = tuple(sorted(forms, key=lambda form: (-len(form), form)))

    def removed_from(self, data: bytes) -> bytes:
        """The bytes with each of the values replaced; the very same bytes where there is none."""
        for form in self._forms:
            if form in data:
                data = data.replace(form, _INSTEAD)
        return data

    def removed_from_text(self, text: str) -> str:
        return self.removed_from(text.encode("utf-8", "surrogateescape")).decode("utf-8", "surrogateescape")


def _forms_of(value: str) -> Iterator[bytes]:
    plain = value.encode()
    yield plain
    yield quote(value, safe="").encode()
    yield plain.replace(b"/", rb"\/")  # as some write it in JSON
    for encoded in (base64.b64encode(plain), base64.urlsafe_b64encode(plain)):
        yield encoded.rstrip(b"=")
