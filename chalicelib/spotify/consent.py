"""The authorization-code flow: what a person is sent to Spotify with, and what they come back with.

With a client secret as it is, without one with PKCE (RFC 7636).
https://developer.spotify.com/documentation/web-api/tutorials/code-flow
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass, field, replace
from urllib.parse import parse_qsl, urlencode, urlsplit

from ..errors import ConsentExpired, SignInFailed, UnknownShape
from ..time_and_chance import World
from .secrecy import Secrets
from .tokens import Credentials, request_token

SCOPES = "playlist-read-private playlist-read-collaborative"
# Asked for besides where what is the user's own is followed: the Liked Songs need it.
LIBRARY_SCOPE = "user-library-read"


@dataclass(frozen=True)
class SignIn:
    """One sign-in on its way. `state` and `verifier` are what only this process knows of it."""

    accounts_url: str
    app: Credentials
    redirect_uri: str
    state: str = field(repr=False)
    verifier: str = field(repr=False)
    scopes: str = SCOPES

    @classmethod
    def begin(
        cls, accounts_url: str, app: Credentials, redirect_uri: str, world: World, scopes: str = SCOPES
    ) -> SignIn:
        state, verifier = (f"{world.random.getrandbits(256):064x}" for _ in range(2))
        return cls(accounts_url, app, redirect_uri, state, "" if app.client_secret else verifier, scopes)

    @property
    def address(self) -> str:
        """Where the person agrees."""
        asked = {
            "client_id": self.app.client_id,
            "response_type": "code",
            "redirect_uri": self.redirect_uri,
            "scope": self.scopes,
            "state": self.state,
        }
        if self.verifier:
            digest = base64.urlsafe_b64encode(hashlib.sha256(self.verifier.encode()).digest())
            asked |= {"code_challenge_method": "S256", "code_challenge": digest.rstrip(b"=").decode()}
        return f"{self.accounts_url}/authorize?{urlencode(asked)}"

    def is_answered_by(self, came_back_to: str) -> bool:
        """Whether an address belongs to this sign-in: any page that the browser shows may lead it to one."""
        return hmac.compare_digest(_answer(came_back_to).get("state", "").encode(), self.state.encode())

    def finish(self, came_back_to: str, world: World) -> Credentials:
        """The app with the person's consent, from the address that Spotify sent them back to.

        Raises `SignInFailed`, `CredentialsRefused`, `SpotifyUnavailable` or one of the two pauses.
        """
        answer = _answer(came_back_to)
        if not self.is_answered_by(came_back_to):
            raise SignInFailed(
                "The answer does not belong to this sign-in: its state is another one.",
                advice="Use the address of this run only, and run `chartlake login` again.",
            )
        if answer.get("error") == "access_denied":
            raise SignInFailed("The consent was denied on Spotify's page.")
        if not answer.get("code"):
            raise SignInFailed(f"Spotify gave no consent: “{answer.get('error', 'no reason')[:100]}”.")
        return self._redeem(answer["code"], world)

    def _redeem(self, code: str, world: World) -> Credentials:
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": self.redirect_uri}
        if self.verifier:
            form["code_verifier"] = self.verifier
        try:
            answer = request_token(f"{self.accounts_url}/api/token", self.app, form, world, Secrets())
        except ConsentExpired as error:
            raise SignInFailed(error.message.replace(": the user's sign-in has ended", "")) from None
        token = answer.get("refresh_token")
        if not isinstance(token, str) or not token:
            raise UnknownShape("Spotify accepted the sign-in, but gave no refresh token.")
        return replace(self.app, refresh_token=token, consented_at=world.now().date())


def _answer(came_back_to: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(came_back_to.strip()).query))
