"""The Spotify app's credentials: from the environment, or from one encrypted SSM parameter.

A Lambda environment lives for hours and serves many runs, so what was read is kept for a quarter of an hour; what
Spotify refuses is read again at once, so that a new sign-in counts from the next request on.
"""

from __future__ import annotations

import json
import logging
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import BadSetting, CredentialsRefused
from ..safe_files import replace_file
from ..settings import ENV_FILE, Settings
from ..time_and_chance import World
from .retry import RetryBudget
from .tokens import Credentials, Tokens

if TYPE_CHECKING:
    from mypy_boto3_ssm.client import SSMClient

_FORM = '{"client_id": "…", "client_secret": "…", "refresh_token": "…", "consented_at": "2026-11-23"}'
_KEPT_SECONDS = 900.0
_log = logging.getLogger(__name__)
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
            credentials = _parsed(settings.secret, _parameter_text(settings.secret, ssm))
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


def stored_fields(settings: Settings) -> dict[str, Any]:
    """All fields of the SSM parameter that the settings name. Raises `BadSetting` or `CredentialsRefused`; never shows
    a value."""
    text = _parameter_text(settings.secret, None)
    if text is None:
        raise _unreadable(settings.secret, "ParameterNotFound")
    _parsed(settings.secret, text)
    return dict(json.loads(text))


def open_tokens(settings: Settings, world: World, budget: RetryBudget) -> Tokens:
    """Access tokens for the credentials that the settings name, read again and kept again where that is needed.

    Raises `BadSetting` or `CredentialsRefused`.
    """
    return Tokens(
        settings.accounts_url,
        load_credentials(settings, world),
        world,
        budget,
        reload=lambda: load_credentials(settings, world, afresh=True),
        rotated=lambda credentials, old_token: _keep_rotated(settings, credentials, old_token, ENV_FILE),
    )


def app_to_sign_in(settings: Settings) -> Credentials:
    """The app that a person signs in to: that of the SSM parameter, else of SPOTIPY_CLIENT_ID.

    Raises `BadSetting` where neither names one, `CredentialsRefused` where the parameter cannot be read.
    """
    if settings.secret:
        text = _parameter_text(settings.secret, None)
        if text is not None or not settings.client_id:
            return _parsed(settings.secret, text)
    if not settings.client_id:
        raise BadSetting(
            "No Spotify app is named to sign in to.",
            advice="Make an app on developer.spotify.com/dashboard and set SPOTIPY_CLIENT_ID (and, unless it is a "
            "PKCE app, SPOTIPY_CLIENT_SECRET).",
        )
    return Credentials(settings.client_id, settings.client_secret)


def store_consent(settings: Settings, signed_in: Credentials, env_file: Path) -> str:
    """Keep a new sign-in where the settings look for it, and give that place's name.

    In the SSM parameter (its other fields stay), else in `env_file`, which only its owner can read afterwards.
    Raises `CredentialsRefused` where AWS refuses, `BadSetting` where the file cannot be written.
    """
    day = signed_in.consented_at.isoformat() if signed_in.consented_at else ""
    if settings.secret:
        _store_in_parameter(settings.secret, signed_in, day)
        _kept.pop(settings.secret, None)
        return f"the SSM parameter {settings.secret}"
    keep_in_env_file(env_file, {"SPOTIPY_REFRESH_TOKEN": signed_in.refresh_token, "SPOTIPY_CONSENTED_AT": day})
    return str(env_file)


def keep_in_env_file(env_file: Path, values: dict[str, str]) -> None:
    """Set variables in a `.env` file that only its owner can read afterwards; every other line stays.

    Raises `BadSetting` where it cannot be written.
    """
    try:
        _merge_into_env_file(env_file, values)
    except (OSError, UnicodeDecodeError) as error:
        raise BadSetting(
            f"{env_file} cannot be written: {getattr(error, 'strerror', None) or 'it is no UTF-8 text'}.",
            advice="Mend it, or go to a folder that you may write, and run the command again.",
        ) from None


def _keep_rotated(settings: Settings, credentials: Credentials, old_token: str, env_file: Path) -> None:
    """Keep the refresh token that Spotify gave in place of `old_token`, wherever that one was kept.

    The run goes on where that fails, since its access token is good; the log then says what the next run will need.
    """
    try:
        if settings.secret:
            if _parsed(settings.secret, _parameter_text(settings.secret, None)).refresh_token == old_token:
                _store_in_parameter(settings.secret, credentials, None)
            else:
                # Somebody signed in during this run; a token of the sign-in before it would undo that.
                _log.info("The SSM parameter %s holds a newer sign-in, which stays.", settings.secret)
            _kept.pop(settings.secret, None)
            return
        if env_file.exists() and old_token in env_file.read_text("utf-8"):
            _merge_into_env_file(env_file, {"SPOTIPY_REFRESH_TOKEN": credentials.refresh_token})
            return
        where = "SPOTIPY_REFRESH_TOKEN is set by your shell, which chartlake cannot change"
    except (BadSetting, CredentialsRefused) as error:
        where = error.message
    except (OSError, UnicodeDecodeError):
        where = f"{env_file} cannot be written"
    _log.warning(
        "Spotify replaced the refresh token, and the new one could not be kept: %s. Run `chartlake login` before the "
        "next run.",
        where,
    )


def _store_in_parameter(name: str, signed_in: Credentials, day: str | None) -> None:
    """Put the refresh token into the parameter, and the day of consent where there is a new one."""
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    app = {"client_id": signed_in.client_id, "client_secret": signed_in.client_secret}
    text = _parameter_text(name, None)
    stored = {part: value for part, value in app.items() if value} if text is None else json.loads(text)
    consented = {} if day is None else {"consented_at": day}
    value = json.dumps(stored | {"refresh_token": signed_in.refresh_token} | consented)
    try:
        boto3.client("ssm").put_parameter(Name=name, Type="SecureString", Value=value, Overwrite=True)
    except (BotoCoreError, ClientError) as error:
        code = error.response.get("Error", {}).get("Code", "") if isinstance(error, ClientError) else str(error)
        raise CredentialsRefused(
            f"The sign-in could not be stored in the SSM parameter {name}: {code}.",
            advice="Allow ssm:PutParameter on it (the deployed functions need not have it), and sign in again.",
        ) from None


def _merge_into_env_file(path: Path, values: dict[str, str]) -> None:
    """Set variables in a `.env` file, keeping every other line: all of it or nothing, readable by its owner only.

    Raises `BadSetting` for a link, which may lead to any file of this person, or to one that others read.
    """
    if path.is_symlink():
        raise BadSetting(f"{path} is a link, and no secret is written through one.", advice="Put a file in its place.")
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    kept = [line for line in lines if line.partition("=")[0].removeprefix("export ").strip() not in values]
    quoted = [f"{name}='{_escaped(value)}'" for name, value in values.items()]
    replace_file(path, ("\n".join([*kept, *quoted]) + "\n").encode())


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("'", "\\'")


def _parsed(name: str, text: str | None) -> Credentials:
    if text is None:
        raise _unreadable(name, "ParameterNotFound")
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


def _parameter_text(name: str, ssm: SSMClient | None) -> str | None:
    """What SSM holds; None where there is no such parameter."""
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        client = ssm or boto3.client("ssm")
        return client.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"]
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        if code == "ParameterNotFound":
            return None
        raise _unreadable(name, code) from None
    except BotoCoreError as error:
        raise CredentialsRefused(
            f"The SSM parameter {name} cannot be read: {error}",
            advice="Check the AWS credentials, AWS_REGION and the network.",
        ) from None


def _unreadable(name: str, code: str) -> CredentialsRefused:
    return CredentialsRefused(
        f"The SSM parameter {name} cannot be read: {code}.",
        advice=(
            f"Store it as a SecureString: aws ssm put-parameter --type SecureString --name {name} --value "
            f"'{_FORM}' (the last two only for a signed-in user), and allow ssm:GetParameter on it."
        ),
    )
