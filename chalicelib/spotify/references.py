"""The forms in which people name a playlist."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from ..errors import BadSetting

# All playlists of the signed-in user, and that user's Liked Songs.
ME, ME_LIKED = "me", "me/liked"
# A user's Liked Songs have no id of Spotify's; theirs here is this and the id of the user.
LIKED = "liked:"

_ID = re.compile(r"[0-9A-Za-z]{22}")
# Letters of a wrong reference that its error repeats.
_SHOWN = 200
_KINDS = ("playlist", "playlists")
_EXAMPLE = "a playlist looks like 37i9dQZEVXbMDoHDwVN2tF or https://open.spotify.com/playlist/37i9dQZEVXbMDoHDwVN2tF"


def parse_playlist_reference(text: str) -> str:
    """Give the 22-character playlist id in an id, a URI or a link.

    Understands `spotify:playlist:ID`, `spotify:user:NAME:playlist:ID`, and open.spotify.com links with `?si=`,
    `/intl-xx/`, `/embed/`, `/user/NAME/playlist/ID` or a trailing slash. Raises `BadSetting` for everything else.
    """
    reference = text.strip().strip("<>\"'")
    said = repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…")
    if _ID.fullmatch(reference):
        return reference
    parts = reference.split(":") if reference.startswith("spotify:") else _path_of_link(reference, said)
    if len(parts) < 2 or parts[-2] not in _KINDS:
        raise BadSetting(f"{said} {_what_it_is(parts)} a playlist: {_EXAMPLE}")
    if not _ID.fullmatch(parts[-1]):
        raise BadSetting(f"{said}: {parts[-1][:_SHOWN]!r} is not a playlist id of 22 letters and digits: {_EXAMPLE}")
    return parts[-1]


def _path_of_link(reference: str, said: str) -> list[str]:
    """The parts of the path of a link to one of Spotify's hosts, with or without its scheme."""
    try:
        url = urlsplit(reference if "://" in reference else f"https://{reference}")
    except ValueError:
        raise BadSetting(f"{said} is not a playlist: {_EXAMPLE}") from None
    if url.hostname in ("spotify.link", "spotify.app.link"):
        raise BadSetting(
            f"{said} is a short link, which hides the playlist's id.",
            advice="Open it in a browser and copy the long link that begins with https://open.spotify.com/playlist/.",
        )
    if url.hostname not in ("open.spotify.com", "play.spotify.com", "api.spotify.com"):
        raise BadSetting(f"{said} is not a playlist: {_EXAMPLE}")
    return [part for part in url.path.split("/") if part]


def _what_it_is(parts: list[str]) -> str:
    what = next((part for part in parts if part in ("album", "artist", "track", "show", "episode")), None)
    if what is None:
        return "is not"
    return f"is a link to {'an' if what[0] in 'ae' else 'a'} {what}, not to"


def is_liked(playlist_id: str) -> bool:
    """Whether it is somebody's Liked Songs, not a playlist."""
    return playlist_id.startswith(LIKED)


def called(playlist_id: str) -> str:
    """The words for a list in errors; `me` is the list of all playlists of the signed-in user."""
    return "the signed-in user's playlists" if playlist_id == ME else f"playlist {playlist_id}"


def parse_followed(text: str) -> str:
    """Give what a person may follow: `me`, `me/liked`, else a playlist's id. Raises `BadSetting`."""
    word = text.strip()
    return word if word in (ME, ME_LIKED) else parse_playlist_reference(word)


@dataclass(frozen=True)
class FollowList:
    """What a list of playlists says: each thing to follow once, in order (an id, `me`, `me/liked`); the ids that are
    excluded; and what is wrong with references that are none."""

    references: tuple[str, ...]
    excluded: frozenset[str]
    wrong: tuple[BadSetting, ...]

    @property
    def needs_user(self) -> bool:
        """Whether only a signed-in user can tell what it means."""
        return ME in self.references or ME_LIKED in self.references


def parse_follow_list(text: str) -> FollowList:
    """Read references separated by commas or lines, with `#` comments; one with a `-` before it is an exclusion."""
    found: dict[str, None] = {}
    excluded: set[str] = set()
    wrong: list[BadSetting] = []
    for reference in (one.strip() for line in text.splitlines() for one in _without_comment(line).split(",")):
        try:
            if reference.startswith("-"):
                excluded.add(parse_playlist_reference(reference[1:]))
            elif reference:
                found[parse_followed(reference)] = None
        except BadSetting as error:
            wrong.append(error)
    return FollowList(tuple(found), frozenset(excluded), tuple(wrong))


def _without_comment(line: str) -> str:
    # A link may hold a '#' of its own; a comment begins the line or follows white space.
    return re.sub(r"(^|\s)#.*", "", line)
