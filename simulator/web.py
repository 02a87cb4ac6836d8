"""The Web API and the token endpoint as a Flask application."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from flask import Flask, Request, Response, g, request
from werkzeug.exceptions import HTTPException

from .accounts import DISPLAY_NAMES, LISTENER, Access, TokenRefused
from .catalogue import MARKETS
from .consent import add_consent
from .control import add_control
from .dialects import (
    PAGE_LIMITS,
    Json,
    View,
    page,
    paging,
    playlist_object,
    saved_track,
    shared_query,
    simplified_playlist,
)
from .dialects import user_stub as render_user
from .fields import select
from .mishaps import Mishaps
from .playlists import LIKED, Playlist
from .recorded import RecordedList
from .spotify import Served, Spotify

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

HEADER = "X-Chartlake-Simulator"
_HOME = "GB"
_ID = re.compile(r"[0-9A-Za-z]{22}")


class Refused(Exception):
    """An answer other than 200, as Spotify words it."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(status, message)
        self.status = status
        self.message = message


def create_app(spotify: Spotify) -> WSGIApplication:
    """Make the application that answers for it."""
    app = Flask("simulator", static_folder=None)
    mishaps = Mishaps(spotify)
    api = WebApi(spotify)
    app.before_request(mishaps.before)
    # Flask calls these in the opposite order: an answer is spoilt before it is noted.
    app.after_request(_noted_by(spotify))
    app.after_request(mishaps.after)
    app.add_url_rule("/api/token", "token", api.token, methods=["POST"])
    # spotipy asks with the slash.
    app.add_url_rule("/v1/me/", "me", api.me, strict_slashes=False)
    app.add_url_rule("/v1/me/playlists", "my_playlists", api.my_playlists)
    app.add_url_rule("/v1/me/tracks", "liked", api.liked, defaults={"playlist_id": LIKED})
    app.add_url_rule("/v1/playlists/<playlist_id>", "playlist", api.playlist)
    app.add_url_rule("/v1/playlists/<playlist_id>/<any(items, tracks):endpoint>", "items", api.items)
    add_consent(app, spotify)
    add_control(app, spotify)
    app.register_error_handler(Refused, _refused)
    app.register_error_handler(HTTPException, _no_such_service)
    return mishaps.dropping(app)


def json_response(data: Any, status: int = 200) -> Response:
    """Answer with JSON as Spotify sends it: UTF-8, not escaped."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return Response(text, status, content_type="application/json; charset=utf-8")


class WebApi:
    """The endpoints, each answering the current request."""

    def __init__(self, spotify: Spotify) -> None:
        self._spotify = spotify

    def token(self) -> Response:
        """`POST /api/token`."""
        basic = request.authorization
        credentials = None
        if basic is not None and basic.type == "basic":
            credentials = (basic.username or "", basic.password or "")
        try:
            return json_response(self._spotify.accounts.exchange(request.form, credentials))
        except TokenRefused as refused:
            return json_response(refused.body, 400)

    def me(self) -> Response:
        """`GET /v1/me`."""
        access = self._access()
        user, view = self._user(access), self._view(access)
        answer: Json = {
            "display_name": DISPLAY_NAMES[user],
            **render_user(view, user),
            "account_id": f"simulated-account-{user}",
            "images": [],
        }
        if not view.reduced:
            answer |= {"country": _HOME, "product": "premium", "followers": {"href": None, "total": 3}}
        return json_response(answer)

    def my_playlists(self) -> Response:
        """`GET /v1/me/playlists`: what the user owns, collaborates on or follows; the private ones with that scope."""
        access = self._access()
        user, view = self._user(access), self._view(access)
        offset, limit = self._window(20, 50)
        private = "playlist-read-private" in access.scope
        mine = [playlist for playlist in self._spotify.lists_of(user) if playlist.public or private]
        now = self._spotify.clock()
        shown = [simplified_playlist(view, one, one.state(now)) for one in mine[offset : offset + limit]]
        return json_response(paging(view, "me/playlists", shown, len(mine), offset, limit, 50))

    def liked(self, playlist_id: str) -> Response:
        """`GET /v1/me/tracks`: the Liked Songs of the listener; nobody else has any."""
        access = self._access()
        user, view = self._user(access), self._view(access)
        if "user-library-read" not in access.scope:
            raise Refused(403, "Insufficient client scope")
        offset, limit = self._window(20, 50)
        entries = self._spotify.liked.state(self._spotify.clock()).entries if user == LISTENER else ()
        shown = [saved_track(view, entry) for entry in entries[offset : offset + limit]]
        return json_response(paging(view, "me/tracks", shown, len(entries), offset, limit, 50))

    def playlist(self, playlist_id: str) -> Response:
        """`GET /v1/playlists/{id}`."""
        access = self._access()
        fields = request.args.get("fields")
        if recorded := self._spotify.recorded.lists.get(playlist_id):
            return json_response(select(_with_own_links(recorded), fields))
        playlist = self._find(access, playlist_id)
        view = self._view(access)
        state = playlist.state(self._spotify.clock())
        answer = playlist_object(view, playlist, state, _contents_allowed(access, playlist))
        return json_response(select(answer, fields))

    def items(self, playlist_id: str, endpoint: str) -> Response:
        """`GET /v1/playlists/{id}/items`, and `/tracks` of old."""
        access = self._access()
        if endpoint == "tracks" and access.app.dialect == "development":
            raise Refused(403, "Forbidden")
        recorded = self._spotify.recorded.lists.get(playlist_id)
        playlist = None if recorded else self._find(access, playlist_id)
        if playlist and not _contents_allowed(access, playlist):
            raise Refused(403, "Forbidden")
        offset, limit = self._window(*PAGE_LIMITS[endpoint])
        view = self._view(access)
        if playlist:
            state = playlist.state(self._spotify.clock())
            answer = page(view, playlist_id, state.entries, endpoint, offset, limit)
        else:
            answer = _recorded_page(view, self._spotify.recorded.lists[playlist_id], endpoint, offset, limit)
        return json_response(select(answer, request.args.get("fields")))

    def _access(self) -> Access:
        """Give what the request's bearer token stands for."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme and scheme.lower() != "bearer":
            raise Refused(400, "Only valid bearer authentication supported")
        access = self._spotify.accounts.access(token)
        if access is None or self._spotify.clock() >= access.expires_at:
            raise Refused(401, "Missing/invalid/expired access token")
        return access

    def _user(self, access: Access) -> str:
        if access.user is None:
            raise Refused(401, "Valid user authentication required")
        return access.user

    def _find(self, access: Access, playlist_id: str) -> Playlist:
        """Give the playlist, unless it does not exist or does not exist for this asker: the answers are the same."""
        if not _ID.fullmatch(playlist_id):
            raise Refused(400, "Invalid base62 id")
        playlist = self._spotify.playlists.get(playlist_id)
        if playlist is None:
            raise Refused(404, "Resource not found")
        hidden = not playlist.public and not playlist.readable_in_full_by(access.user)
        if hidden or (playlist.owner == "spotify" and access.app.dialect != "extended"):
            raise Refused(404, "Resource not found")
        return playlist

    def _view(self, access: Access) -> View:
        market = request.args.get("market")
        if market == "from_token" and access.user:
            market = _HOME
        if market is not None and market not in MARKETS:
            raise Refused(400, "Invalid market code")
        reduced = access.app.dialect == "development"
        return View(
            api=f"{request.host_url}v1",
            dialect=access.app.dialect,
            catalogue=self._spotify.catalogue,
            episodes_in_full="episode" in request.args.get("additional_types", "").split(","),
            market=market,
            home=_HOME if reduced and access.user else None,
            query=shared_query(request.args.to_dict()),
        )

    def _window(self, default: int, most: int) -> tuple[int, int]:
        """Give offset and limit of the request."""
        limit, offset = request.args.get("limit", str(default)), request.args.get("offset", "0")
        if not limit.isdecimal() or not 1 <= int(limit) <= most:
            raise Refused(400, "Invalid limit")
        if not offset.isdecimal():
            raise Refused(400, "Invalid offset")
        return int(offset), int(limit)


def _contents_allowed(access: Access, playlist: Playlist) -> bool:
    return access.app.dialect != "development" or playlist.readable_in_full_by(access.user)


def _recorded_page(view: View, recorded: RecordedList, endpoint: str, offset: int, limit: int) -> Json:
    """Cut a page out of what was recorded; what was not recorded is not there."""
    start = offset - recorded.start
    shown = recorded.entries[start : start + limit] if start >= 0 else []
    if not shown and offset < recorded.total:
        raise Refused(404, "Resource not found")
    path = f"playlists/{recorded.id}/{endpoint}"
    return paging(view, path, shown, recorded.total, offset, limit, PAGE_LIMITS[endpoint][1])


def _with_own_links(recorded: RecordedList) -> Json:
    """Give the recorded object; links to further pages lead here, so that no token of ours travels to Spotify."""
    links = {
        name: re.sub(r"^https://[^/]+/", request.host_url, link)
        for name in ("next", "previous")
        if (link := recorded.page.get(name))
    }
    page = recorded.page | links
    return {name: page if value is recorded.page else value for name, value in recorded.body.items()}


def _refused(refused: Refused) -> Response:
    response = json_response({"error": {"status": refused.status, "message": refused.message}}, refused.status)
    if refused.status == 401:
        response.headers["WWW-Authenticate"] = (
            f'Bearer realm="spotify", error="invalid_token", error_description="{refused.message}"'
        )
    return response


def _no_such_service(error: HTTPException) -> Response:
    status = error.code or 500
    return json_response({"error": {"status": status, "message": "Service not found"}}, status)


def _noted_by(spotify: Spotify) -> Any:
    def note(response: Response) -> Response:
        response.headers[HEADER] = "1"
        response.date = spotify.clock()
        if not request.path.startswith("/_simulator"):
            spotify.note(_served(request, 0 if g.get("dropped") else response.status_code))
        return response

    return note


def _served(asked: Request, status: int) -> Served:
    return Served(asked.method, asked.path, asked.args.to_dict(), "Authorization" in asked.headers, status)
