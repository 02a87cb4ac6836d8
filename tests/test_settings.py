from datetime import date

import pytest

from chalicelib.errors import BadSetting
from chalicelib.settings import from_environment, parse_schedule


def test_an_empty_environment_is_the_local_default() -> None:
    settings = from_environment({})
    assert (settings.lake, settings.schedule, str(settings.timezone)) == ("lake", "rate(1 day)", "UTC")
    assert not settings.has_credentials


def test_values_are_read_and_secrets_are_not_shown() -> None:
    settings = from_environment(
        {
            "CHARTLAKE_LAKE": "s3://my-charts/chartlake",
            "CHARTLAKE_TIMEZONE": "Europe/Berlin",
            "SPOTIPY_CLIENT_ID": "id",
            "SPOTIPY_CLIENT_SECRET": "canary-secret",
            "SPOTIPY_REFRESH_TOKEN": "canary-token",
            "SPOTIPY_CONSENTED_AT": "2026-11-01",
            "SPOTIFY_API_URL": "http://127.0.0.1:8711/v1/",
        }
    )
    assert settings.has_credentials
    assert settings.consented_at == date(2026, 11, 1)
    assert settings.api_url == "http://127.0.0.1:8711/v1"
    assert "canary" not in repr(settings)


@pytest.mark.parametrize(
    "text", ["rate(1 day)", "rate(12 hours)", "cron(15 6 * * ? *)", "cron(0/30 8-17 ? * MON-FRI *)"]
)
def test_schedules_of_eventbridge_are_accepted(text: str) -> None:
    assert parse_schedule(text) == text


@pytest.mark.parametrize(
    ("name", "value", "right"),
    [
        ("CHARTLAKE_SCHEDULE", "daily", "rate(1 day)"),
        ("CHARTLAKE_SCHEDULE", "rate(1 days)", "singular"),
        ("CHARTLAKE_SCHEDULE", "rate(2 day)", "singular"),
        ("CHARTLAKE_SCHEDULE", "rate(0 days)", "rate(1 day)"),
        ("CHARTLAKE_SCHEDULE", "cron(0 6 * * *)", "5 fields"),
        ("CHARTLAKE_SCHEDULE", "cron(0 6 * * * *)", "'?'"),
        ("CHARTLAKE_SCHEDULE", "cron(0 6 ? * ? *)", "'?'"),
        ("CHARTLAKE_SCHEDULE", "cron(not a cron at all !)", "does not know"),
        ("CHARTLAKE_TIMEZONE", "Mars/Olympus", "Europe/Berlin"),
        ("CHARTLAKE_TIMEZONE", "../etc/passwd", "Europe/Berlin"),
        ("CHARTLAKE_LAKE", "s3://YOUR-BUCKET/chartlake", "s3://bucket/prefix"),
        ("CHARTLAKE_LAKE", "gs://bucket", "s3://bucket/prefix"),
        ("SPOTIPY_CONSENTED_AT", "yesterday", "2026-11-23"),
        ("SPOTIFY_API_URL", "api.spotify.com", "https://api.spotify.com/v1"),
    ],
)
def test_a_wrong_value_names_its_variable_and_a_right_one(name: str, value: str, right: str) -> None:
    with pytest.raises(BadSetting) as caught:
        from_environment({name: value})
    assert name in str(caught.value)
    assert right in str(caught.value)
