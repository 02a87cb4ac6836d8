"""What Spotify's answers other than 200 stand for. Bodies are an object, a list, a text, HTML or nothing."""

from __future__ import annotations

import json
import re
from datetime import timedelta

import requests

from ..errors import (
    ChartlakeError,
    CredentialsRefused,
    NotFound,
    NotReadable,
    PremiumRequired,
    QuotaExceeded,
    RateLimited,
    SignInNeeded,
    SpotifyUnavailable,
    UnexpectedStatus,
)
from ..time_and_chance import World
from .capture import Answer
from .references import called

_TEXT_LENGTH = 200
# Longer than any ban ever seen; a number beyond it is no time.
_LONGEST_PAUSE = 7 * 86_400.0
# "User not registered in the Developer Dashboard", "Check settings on developer.spotify.com/dashboard, the user may not
# be registered.", "User not approved for app".
_NOT_ADMITTED = re.compile(r"\bnot (be )?(registered|approved)\b|developer\.spotify\.com/dashboard", re.IGNORECASE)


def error_of(answer: Answer, playlist_id: str, world: World) -> ChartlakeError:
    """The error that an answer of the Web API other than 200 stands for."""
    message, reason = words_of(answer.body)
    said = _said(answer.status, message)
    what = f"{called(playlist_id)}: {said}"
    match answer.status:
        case 429:
            return pause_of(what, reason, answer.headers.get("retry-after"), world)
        case 404:
            return NotFound(f"{what}.")
        case 400 if "bearer" in message.lower():
            return CredentialsRefused(f"{said}.")
        case 400:
            # Some personalised ids are answered 400 for ever: that playlist's trouble, not the run's.
            return NotFound(f"{what}.", advice="Check the link: Spotify does not accept this id.")
        case 401 | 403:
            return _no_right(what, said, answer.status, message)
        case status if status >= 500 or status == 408:
            return SpotifyUnavailable(f"{what}.")
        case _:
            return unexpected_status(answer, playlist_id)


def _no_right(what: str, said: str, status: int, message: str) -> ChartlakeError:
    """The error of a 401 or 403: whose right is missing decides what is to be done."""
    if "user auth" in message.lower() or (status == 403 and "scope" in message.lower()):
        return SignInNeeded(f"{what}.")
    if status == 401:
        return CredentialsRefused(f"{said}, also with a fresh access token.")
    if "premium" in message.lower():
        return PremiumRequired(f"{said}.")
    if _NOT_ADMITTED.search(message):
        return CredentialsRefused(
            f"{said}.",
            advice="Add this Spotify user under “User Management” of the app on developer.spotify.com/dashboard.",
        )
    return NotReadable(f"{what}.")


def unexpected_status(answer: Answer, playlist_id: str) -> UnexpectedStatus:
    """The error of an answer whose status says nothing that is known; the answer is its evidence."""
    said = _said(answer.status, words_of(answer.body)[0])
    where = f" that points to {answer.headers['location'][:_TEXT_LENGTH]}" if "location" in answer.headers else ""
    return UnexpectedStatus(f"{called(playlist_id)}: {said}{where}, and gave no list.", evidence=(answer,))


def _said(status: int, message: str) -> str:
    return f"Spotify answered {status}" + (f" “{message}”" if message else "")


def pause_of(what: str, reason: str, retry_after: str | None, world: World) -> QuotaExceeded | RateLimited:
    """The error behind a 429: how long Spotify wants to be left alone, or that it does not say."""
    named = retry_after is not None and re.fullmatch(r"\d+(\.\d+)?", retry_after.strip())
    seconds = min(float(named[0]), _LONGEST_PAUSE) if named else None
    until = ""
    if seconds is not None:
        moment = world.now() + timedelta(seconds=seconds)
        until = f"; it asks to be left alone for {seconds:.0f} s, until {moment:%Y-%m-%d %H:%M:%S} UTC"
    if reason == "QUOTA_EXCEEDED":
        return QuotaExceeded(f"{what}: the developer account's quota is used up{until}.", retry_after=seconds)
    return RateLimited(f"{what}{until}.", retry_after=seconds)


def words_of(body: bytes) -> tuple[str, str]:
    """Message and reason in an error body of any shape: Spotify's object, OAuth's pair, a list, plain text, HTML."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return excerpt(body), ""
    error = document.get("error", document) if isinstance(document, dict) else document
    if isinstance(error, dict):
        return _short(str(error.get("message") or "")), str(error.get("reason") or "")
    description = document.get("error_description") if isinstance(document, dict) else None
    text = " ".join(str(part) for part in (error, description) if part)
    return _short(text) or excerpt(body), ""


def excerpt(body: bytes) -> str:
    """The beginning of a body, as text on one line."""
    return _short(body.decode("utf-8", "replace"))


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _TEXT_LENGTH else text[:_TEXT_LENGTH] + "…"


def network_words(error: requests.RequestException) -> str:
    """The cause in a person's words; requests' own text repeats addresses and objects."""
    if isinstance(error, requests.ConnectTimeout | requests.ReadTimeout):
        return "no answer in time"
    if isinstance(error, requests.exceptions.ChunkedEncodingError | requests.exceptions.ContentDecodingError):
        return "the answer broke off"
    if isinstance(error, requests.exceptions.SSLError):
        return "the TLS connection failed"
    text = str(error)
    if "timed out" in text:
        return "the answer was not whole in time"
    if "resolve" in text or "Name or service" in text:
        return "its name cannot be resolved; is there a network?"
    if "refused" in text:
        return "the connection was refused"
    return "the connection broke"
