"""What people and machines may hand in, by chance and by malice: understood, or refused in chartlake's own words."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.errors import BadSetting
from chalicelib.handlers import backfill
from chalicelib.handlers.http import json_object
from chalicelib.settings import from_environment, parse_schedule
from chalicelib.spotify.references import parse_follow_list, parse_playlist_reference

ID = "37i9dQZEVXbMDoHDwVN2tF"
_PIECES = st.sampled_from(
    [
        *(
            ID,
            ID[:-1],
            "spotify",
            "playlist",
            "user",
            ":",
            "/",
            "?",
            "#",
            "@",
            "%",
            "[",
            "]",
            "https://",
            "http://",
            "<",
        ),
        *(
            "open.spotify.com",
            "api.spotify.com",
            "v1",
            "intl-de",
            "embed",
            "s3://",
            "rate(",
            "cron(",
            ")",
            "*",
            "1",
            ">",
        ),
        *(
            "UTC",
            "..",
            "\0",
            "\n",
            "\u202e",
            "\ud83d",
            "é",
            " ",
            ",",
            "127.0.0.1",
            "-1",
            "1e9",
            "nan",
            "day",
            "9" * 400,
        ),
    ]
)
# Half made of what means something, half of anything.
TEXTS = st.lists(_PIECES, max_size=9).map("".join) | st.text(max_size=80)
NAMES = [
    *("CHARTLAKE_LAKE", "CHARTLAKE_PLAYLISTS", "CHARTLAKE_SCHEDULE", "CHARTLAKE_TIMEZONE", "CHARTLAKE_SECRET"),
    *("CHARTLAKE_RATE", "CHARTLAKE_RAW_RETENTION_DAYS", "SPOTIPY_CLIENT_ID", "SPOTIPY_CONSENTED_AT"),
    *("SPOTIPY_REFRESH_TOKEN", "SPOTIFY_API_URL", "SPOTIFY_ACCOUNTS_URL"),
]
fuzzed = settings(max_examples=500, derandomize=True, database=None, deadline=None)


def refusal(call: Callable[[], object]) -> BadSetting | None:
    """How something was refused, in words that help; None where it was understood."""
    try:
        call()
    except BadSetting as error:
        return error if error.advice and len(error.message) < 1_000 else pytest.fail(f"a useless {error!r}")
    return None


@fuzzed
@given(TEXTS)
def test_a_reference_is_an_id_or_refused(text: str) -> None:
    if refusal(lambda: parse_playlist_reference(text)) is None:
        found = parse_playlist_reference(text)
        assert (len(found), found.isascii(), found.isalnum(), found in text) == (22, True, True, True)


@fuzzed
@given(st.lists(TEXTS, max_size=6))
def test_a_list_of_references_loses_no_line(texts: list[str]) -> None:
    found = parse_follow_list("\n".join([*texts, ID]))
    assert ID in found.references
    assert len(found.references) == len(set(found.references))
    assert all(isinstance(error, BadSetting) for error in found.wrong)


@fuzzed
@given(st.dictionaries(st.sampled_from(NAMES), TEXTS))
def test_settings_are_right_or_the_wrong_one_is_named(environment: dict[str, str]) -> None:
    refused = refusal(lambda: from_environment(environment))
    if refused is None:
        found = from_environment(environment)
        assert 0 < found.rate <= 1000
        assert parse_schedule(found.schedule) == found.schedule
    else:
        assert any(name in refused.message for name in environment)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
_FIELDS = ["playlists", "again", "from", "to", "key", "mode"]
_BODIES = st.one_of(
    st.binary(max_size=200),
    st.dictionaries(st.sampled_from(_FIELDS), _json | st.just([ID]), max_size=5).map(json.dumps).map(str.encode),
    st.sampled_from([b"[" * 100_000, b'{"a":' * 100_000, b"9" * 5_000, b'{"playlists": "\\ud83d"}', b"\xff\xfe{}"]),
)


@fuzzed
@given(_BODIES)
def test_the_body_of_a_request_is_understood_or_the_callers_fault(body: bytes) -> None:
    if refusal(lambda: backfill.parse(json_object(body))) is None:
        assert isinstance(json_object(body), dict)
