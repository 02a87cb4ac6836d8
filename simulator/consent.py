"""`/authorize`: the page on which a person lets an app in, or does not.

https://developer.spotify.com/documentation/web-api/tutorials/code-flow
"""

from __future__ import annotations

from html import escape
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from flask import Flask, Response, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from .accounts import APPS, DISPLAY_NAMES, LISTENER
from .spotify import Spotify

_PAGE = "<!doctype html><meta charset=utf-8><title>{title} (simulated)</title><h1>{title} (simulated)</h1>"
_CONSENT = """
<p>This is chartlake's simulator, not Spotify. The {dialect} app {client_id} asks {user} for:</p>
<ul>{scopes}</ul>
<form method=post><button name=answer value=agree>Agree</button> <button name=answer value=cancel>Cancel</button></form>
"""


class _NotAsked(Exception):
    """A request so wrong that nobody is asked, and nobody sent back: shown to the person instead."""


def add_consent(app: Flask, spotify: Spotify) -> None:
    """Add the page to an application."""

    def ask() -> Response:
        client_id = _checked_client_id()
        scopes = "".join(f"<li>{escape(scope)}</li>" for scope in request.args.get("scope", "").split())
        consent = _CONSENT.format(
            dialect=APPS[client_id].dialect, client_id=client_id, user=DISPLAY_NAMES[LISTENER], scopes=scopes
        )
        return _html(_PAGE.format(title="Let this app in?") + consent)

    def answer() -> AnyResponse:
        asked, client_id = request.args, _checked_client_id()
        if request.form.get("answer") != "agree":
            return _sent_back(error="access_denied")
        code = spotify.accounts.authorize(
            APPS[client_id], asked["redirect_uri"], asked.get("scope", ""), asked.get("code_challenge", "")
        )
        return _sent_back(code=code)

    app.add_url_rule("/authorize", "authorize", ask)
    app.add_url_rule("/authorize", "consent", answer, methods=["POST"])
    app.register_error_handler(_NotAsked, _refused)


def _checked_client_id() -> str:
    """The app that asks, once everything it says can be answered. Raises `_NotAsked`."""
    asked = request.args
    if asked.get("client_id") not in APPS:
        raise _NotAsked("INVALID_CLIENT: Invalid client")
    uri = urlsplit(asked.get("redirect_uri", ""))
    if not uri.hostname:
        raise _NotAsked("INVALID_CLIENT: Invalid redirect URI")
    # https://developer.spotify.com/documentation/web-api/concepts/redirect_uri
    if uri.scheme != "https" and not (uri.scheme == "http" and uri.hostname in ("127.0.0.1", "::1")):
        raise _NotAsked("INVALID_CLIENT: Insecure redirect URI")
    if asked.get("response_type") != "code":
        raise _NotAsked("response_type must be code")
    if bool(asked.get("code_challenge")) != (asked.get("code_challenge_method") == "S256"):
        raise _NotAsked("code_challenge_method must be S256")
    return asked["client_id"]


def _sent_back(**answer: str) -> AnyResponse:
    uri = urlsplit(request.args["redirect_uri"])
    state = {"state": request.args["state"]} if "state" in request.args else {}
    query = urlencode(parse_qsl(uri.query) + list((answer | state).items()))
    return redirect(urlunsplit(uri._replace(query=query)), 303)


def _refused(refused: _NotAsked) -> Response:
    return _html(_PAGE.format(title="Error") + f"<p>{escape(str(refused))}</p>", 400)


def _html(page: str, status: int = 200) -> Response:
    return Response(page, status, content_type="text/html; charset=utf-8")
