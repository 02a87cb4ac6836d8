"""What the deployment was told: the environment, read once into one frozen object."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from .errors import BadSetting

# Where a person at a terminal may keep settings, credentials too.
ENV_FILE = Path(".env")
SPOTIFY_API_URL = "https://api.spotify.com/v1"
SPOTIFY_ACCOUNTS_URL = "https://accounts.spotify.com"

_RATE = re.compile(r"rate\((\d+) (minute|minutes|hour|hours|day|days)\)")
_CRON = re.compile(r"cron\(([^()]+)\)")
_CRON_FIELD = re.compile(r"[0-9A-Z*?,/#LW-]+", re.IGNORECASE)


@dataclass(frozen=True)
class Settings:
    """One deployment's settings; `from_environment` explains each wrong value."""

    lake: str = "lake"
    playlists: str = ""
    schedule: str = "rate(1 day)"
    timezone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))
    secret: str = ""
    # The name of the queue that lists wait in, where a run is spread over workers.
    queue: str = ""
    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    refresh_token: str = field(default="", repr=False)
    consented_at: date | None = None
    api_url: str = SPOTIFY_API_URL
    accounts_url: str = SPOTIFY_ACCOUNTS_URL
    # Requests to Spotify a second, counted over any 30 seconds.
    rate: float = 10.0
    # Where what is watched is told: an SNS topic, an event bus, the key that webhooks are signed with, and addresses
    # that are secrets themselves.
    topic: str = ""
    bus: str = ""
    webhook_secret: str = field(default="", repr=False)
    slack_url: str = field(default="", repr=False)
    discord_url: str = field(default="", repr=False)

    @property
    def has_credentials(self) -> bool:
        return bool(self.secret or (self.client_id and (self.client_secret or self.refresh_token)))


def from_environment(environment: Mapping[str, str]) -> Settings:
    """Read `CHARTLAKE_*`, `SPOTIPY_*` and `SPOTIFY_*`. Raises `BadSetting` naming the variable and a right value."""
    return Settings(
        lake=_lake(_text(environment, "CHARTLAKE_LAKE") or "lake"),
        playlists=_text(environment, "CHARTLAKE_PLAYLISTS"),
        schedule=parse_schedule(_text(environment, "CHARTLAKE_SCHEDULE") or "rate(1 day)"),
        timezone=_timezone(_text(environment, "CHARTLAKE_TIMEZONE") or "UTC"),
        secret=_text(environment, "CHARTLAKE_SECRET"),
        queue=_text(environment, "CHARTLAKE_QUEUE"),
        client_id=_text(environment, "SPOTIPY_CLIENT_ID"),
        client_secret=_text(environment, "SPOTIPY_CLIENT_SECRET"),
        refresh_token=_text(environment, "SPOTIPY_REFRESH_TOKEN"),
        consented_at=_date(environment, "SPOTIPY_CONSENTED_AT"),
        api_url=_url(environment, "SPOTIFY_API_URL", SPOTIFY_API_URL),
        accounts_url=_url(environment, "SPOTIFY_ACCOUNTS_URL", SPOTIFY_ACCOUNTS_URL),
        rate=_rate(_text(environment, "CHARTLAKE_RATE") or "10"),
        topic=_text(environment, "CHARTLAKE_TOPIC"),
        bus=_text(environment, "CHARTLAKE_BUS"),
        webhook_secret=_text(environment, "CHARTLAKE_WEBHOOK_SECRET"),
        slack_url=_text(environment, "CHARTLAKE_SLACK_URL"),
        discord_url=_text(environment, "CHARTLAKE_DISCORD_URL"),
    )


def upload_pattern(lake: str) -> dict[str, Any]:
    """The EventBridge pattern of the files that are dropped below `imports/` of a lake in S3.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
    """
    url = urlsplit(lake)
    # A lake in a folder has no uploads, and no bucket has so short a name.
    bucket = url.netloc if url.scheme == "s3" else "-"
    prefix = f"{url.path.strip('/')}/imports/".lstrip("/") if url.scheme == "s3" else "imports/"
    detail = {"bucket": {"name": [bucket]}, "object": {"key": [{"prefix": prefix}]}}
    return {"source": ["aws.s3"], "detail-type": ["Object Created"], "detail": detail}


def parse_schedule(text: str) -> str:
    """Check an EventBridge `rate(…)` or `cron(…)` expression; EventBridge itself would refuse it only at deployment.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html
    """
    example = "write rate(1 day), or cron(15 6 * * ? *) for 06:15 UTC every day"
    rate = _RATE.fullmatch(text)
    if rate:
        number, unit = int(rate[1]), rate[2]
        if number == 0 or (number == 1) == unit.endswith("s"):
            raise BadSetting(f"CHARTLAKE_SCHEDULE={text!r}: 1 takes a singular unit, more take a plural: {example}.")
        return text
    cron = _CRON.fullmatch(text)
    if not cron:
        raise BadSetting(f"CHARTLAKE_SCHEDULE={text!r} is neither rate(…) nor cron(…): {example}.")
    fields = cron[1].split()
    if len(fields) != 6:
        raise BadSetting(f"CHARTLAKE_SCHEDULE={text!r} has {len(fields)} fields, EventBridge wants six: {example}.")
    if not all(_CRON_FIELD.fullmatch(part) for part in fields):
        raise BadSetting(f"CHARTLAKE_SCHEDULE={text!r} has a field that EventBridge does not know: {example}.")
    if (fields[2] == "?") == (fields[4] == "?"):
        raise BadSetting(f"CHARTLAKE_SCHEDULE={text!r}: exactly one of day-of-month and day-of-week is '?': {example}.")
    return text


def _text(environment: Mapping[str, str], name: str) -> str:
    return environment.get(name, "").strip()


def _lake(text: str) -> str:
    if "://" in text and not re.fullmatch(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/.*)?", text):
        raise BadSetting(
            f"CHARTLAKE_LAKE={text!r} is no S3 address: write s3://bucket/prefix, or the path of a folder."
        )
    return text


def _rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = 0.0
    if not 0 < rate <= 1000:
        raise BadSetting(f"CHARTLAKE_RATE={text!r} is no number of requests a second: write 10, or 0.5.")
    return rate


def _timezone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise BadSetting(f"CHARTLAKE_TIMEZONE={name!r} is no IANA time zone: write UTC or Europe/Berlin.") from None


def _date(environment: Mapping[str, str], name: str) -> date | None:
    text = _text(environment, name)
    try:
        return date.fromisoformat(text[:10]) if text else None
    except ValueError:
        raise BadSetting(f"{name}={text!r} is no date: write 2026-11-23.") from None


def _url(environment: Mapping[str, str], name: str, default: str) -> str:
    text = _text(environment, name) or default
    url = urlsplit(text)
    if url.scheme not in ("http", "https") or not url.hostname or url.username or url.query:
        raise BadSetting(f"{name}: {url.hostname or text!r} is no web address: write {default}.")
    if url.scheme == "http" and not _is_this_machine(url.hostname):
        raise BadSetting(f"{name}: secrets go to {url.hostname} only over https: write {default}.")
    return text.rstrip("/")


def _is_this_machine(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
