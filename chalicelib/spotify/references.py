"""The forms in which people name a playlist."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from ..errors import BadSetting

_ID = re.compile(r"[0-9A-Za-z]{22}")
_KINDS = ("playlist", "playlists")
_EXAMPLE = "a playlist looks like 37i9dQZEVXbMDoHDwVN2tF or https://open.spotify.com/playlist/37i9dQZEVXbMDoHDwVN2tF"


def parse_playlist_reference(text: str) -> str:
    """Give the 22-character playlist id in an id, a URI or a link.

    Understands `spotify:playlist:ID`, `spotify:user:NAME:playlist:ID`, and open.spotify.com links with `?si=`,
    `/intl-xx/`, `/embed/`, `/user/NAME/playlist/ID` or a trailing slash. Raises `BadSetting` for everything else.
    """
    reference = text.strip().strip("<>\"'")
    if _ID.fullmatch(reference):
        return reference
    parts = reference.split(":") if reference.startswith("spotify:") else _path_of_link(reference, text)
    if len(parts) < 2 or parts[-2] not in _KINDS:
        raise BadSetting(f"{text!r} {_what_it_is(parts)} a playlist: {_EXAMPLE}")
    if not _ID.fullmatch(parts[-1]):
        raise BadSetting(f"{text!r}: {parts[-1]!r} is not a playlist id of 22 letters and digits: {_EXAMPLE}")
    return parts[-1]


def _path_of_link(reference: str, text: str) -> list[str]:
    """The parts of the path of a link to one of Spotify's hosts, with or without its scheme."""
    try:
        url = urlsplit(reference if "://" in reference else f"https://{reference}")
    except ValueError:
        raise BadSetting(f"{text!r} is not a playlist: {_EXAMPLE}") from None
    if url.hostname in ("spotify.link", "spotify.app.link"):
        raise BadSetting(
            f"{text!r} is a short link, which hides the playlist's id.",
            advice="Open it in a browser and copy the long link that begins with https://open.spotify.com/playlist/.",
        )
    if url.hostname not in ("open.spotify.com", "play.spotify.com", "api.spotify.com"):
        raise BadSetting(f"{text!r} is not a playlist: {_EXAMPLE}")
    return [part for part in url.path.split("/") if part]


def _what_it_is(parts: list[str]) -> str:
    what = next((part for part in parts if part in ("album", "artist", "track", "show", "episode")), None)
    if what is None:
        return "is not"
    return f"is a link to {'an' if what[0] in 'ae' else 'a'} {what}, not to"


def parse_playlist_list(text: str) -> tuple[list[str], list[BadSetting]]:
    """Read references separated by commas or lines, with `#` comments, to ids without repeats, in order; and what is
    wrong with those that are none."""
    references = [reference.strip() for line in text.splitlines() for reference in _without_comment(line).split(",")]
    found: dict[str, None] = {}
    wrong: list[BadSetting] = []
    for reference in filter(None, references):
        try:
            found[parse_playlist_reference(reference)] = None
        except BadSetting as error:
            wrong.append(error)
    return list(found), wrong


def _without_comment(line: str) -> str:
    # A link may hold a '#' of its own; a comment begins the line or follows white space.
    return re.sub(r"(^|\s)#.*", "", line)
