"""The Spotify app's credentials: from the environment, or from one encrypted SSM parameter.

A Lambda environment lives for hours and serves many runs, so what was read is kept for a quarter of an hour; what
Spotify refuses is read again at once, so that a new sign-in counts from the next request on.
"""

from __future__ import annotations

import json
from datetime import date
from typing import TYPE_CHECKING

from .errors import BadSetting, CredentialsRefused
from .settings import Settings
from .spotify.tokens import Credentials
from .world import World

if TYPE_CHECKING:
    from mypy_boto3_ssm.client import SSMClient

_FORM = '{"client_id": "…", "client_secret": "…", "refresh_token": "…", "consented_at": "2026-11-23"}'
_KEPT_SECONDS = 900.0
_kept: dict[str, tuple[float, Credentials]] = {}


def load_credentials(
    settings: Settings, world: World, *, afresh: bool = False, ssm: SSMClient | None = None
) -> Credentials:
    """The credentials that the settings name; `afresh` asks SSM although it was asked a moment ago.

    Raises `BadSetting` or `CredentialsRefused`; never shows a value.
    """
    if settings.secret:
        kept_at, credentials = _kept.get(settings.secret, (float("-inf"), None))
        if afresh or credentials is None or not 0 <= world.monotonic() - kept_at < _KEPT_SECONDS:
            credentials = _from_parameter(settings.secret, ssm)
            _kept[settings.secret] = (world.monotonic(), credentials)
        return credentials
    if not settings.has_credentials:
        raise BadSetting(
            "There are no Spotify credentials.",
            advice=(
                "Make an app on developer.spotify.com/dashboard and set SPOTIPY_CLIENT_ID and SPOTIPY_CLIENT_SECRET; "
                "in AWS put them into an SSM parameter and name it in CHARTLAKE_SECRET."
            ),
        )
    return Credentials(settings.client_id, settings.client_secret, settings.refresh_token, settings.consented_at)


def _from_parameter(name: str, ssm: SSMClient | None) -> Credentials:
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        client = ssm or boto3.client("ssm")
        text = client.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"]
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        raise CredentialsRefused(
            f"The SSM parameter {name} cannot be read: {code}.",
            advice=(
                f"Store it as a SecureString: aws ssm put-parameter --type SecureString --name {name} --value "
                f"'{_FORM}' (the last two only for a signed-in user), and allow ssm:GetParameter on it."
            ),
        ) from None
    except BotoCoreError as error:
        raise CredentialsRefused(
            f"The SSM parameter {name} cannot be read: {error}",
            advice="Check the AWS credentials, AWS_REGION and the network.",
        ) from None
    try:
        stored = json.loads(text)
        day = stored.get("consented_at")
        credentials = Credentials(
            stored["client_id"],
            stored.get("client_secret") or "",
            stored.get("refresh_token") or "",
            date.fromisoformat(day[:10]) if day else None,
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        # Without the cause: a JSON error quotes what it could not read.
        raise BadSetting(
            f"The SSM parameter {name} does not hold {_FORM} (the last two only for a signed-in user)."
        ) from None
    return credentials
