"""A workflow of GitHub Actions, which keeps the lake in its own repository or in S3.

https://docs.github.com/actions/reference/workflow-syntax-for-github-actions
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from shlex import quote

from ...errors import BadSetting
from ...settings import Settings
from .plan import Delete, Job, Plan, Write, render

_AWS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION")
_SPOTIFY = ("SPOTIPY_CLIENT_ID", "SPOTIPY_CLIENT_SECRET", "SPOTIPY_REFRESH_TOKEN", "SPOTIPY_CONSENTED_AT")
# An app without a user has no refresh token, one of the kind PKCE no secret.
_OPTIONAL = _SPOTIFY[1:]
_CATCHES_UP_AFTER_HOURS = 6


def plan(job: Job) -> Plan:
    """A workflow in the folder, which has to be the root of a repository. Raises `BadSetting` where it is not."""
    if not (job.folder / ".git").exists():
        raise BadSetting(
            f"{job.folder} is not the root of a git repository, where GitHub looks for workflows.",
            advice="Run it there (`git init` makes one).",
        )
    path = job.folder / ".github" / "workflows" / "chartlake.yml"
    in_s3 = job.settings.lake.startswith("s3://")
    lake = job.settings.lake if in_s3 else _inside(job.folder, job.settings.lake)
    secrets = (() if job.settings.secret else _SPOTIFY) + (_AWS if in_s3 or job.settings.secret else ())
    hours = job.at.hour, (job.at.hour + _CATCHES_UP_AFTER_HOURS) % 24
    text = render(
        "github.yml",
        **dict(zip(("first", "second"), (f"{job.at.minute} {hour} * * *" for hour in hours), strict=True)),
        commits=not in_s3,
        settings=_public(job.settings, lake),
        secrets=secrets,
        optional=_OPTIONAL,
        lake=quote(lake),
        package=job.package,
    )
    return Plan((Write(path, text),), (Delete(path),), path.exists(), _notes(job, secrets, lake if not in_s3 else ""))


def _public(settings: Settings, lake: str) -> dict[str, str]:
    """What may stand in the file for everybody to read."""
    values = {
        "CHARTLAKE_LAKE": lake,
        "CHARTLAKE_TIMEZONE": settings.timezone.key,
        "CHARTLAKE_PLAYLISTS": settings.playlists,
        "CHARTLAKE_SECRET": settings.secret,
    }
    return {name: value for name, value in values.items() if value}


def _inside(folder: Path, lake: str) -> str:
    """The lake's path as seen from the repository's root. Raises `BadSetting` where it lies elsewhere."""
    try:
        return str(PurePosixPath(*(folder / lake).resolve().relative_to(folder).parts))
    except ValueError:
        raise BadSetting(
            f"The lake {lake} is outside of the repository {folder}, where no workflow finds it.",
            advice="Set CHARTLAKE_LAKE to a folder inside of it, or to s3://bucket/prefix.",
        ) from None


def _notes(job: Job, secrets: tuple[str, ...], lake: str) -> tuple[str, ...]:
    needed = ", ".join(f"{name} (if you have one)" if name in _OPTIONAL else name for name in secrets)
    kept = [f"Commit {lake}/config/playlists.txt too, and never .env."] if lake and not job.settings.playlists else []
    return (
        f"The time is in UTC. Secrets to add under Settings, Secrets and variables, Actions: {needed}.",
        *kept,
        "Commit and push the file; `gh workflow run chartlake` starts it by hand.",
        "In a public repository everybody can read the snapshots, which Spotify's terms do not allow: make it private.",
    )
