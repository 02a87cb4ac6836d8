"""`chartlake doctor`: what it says about each thing, to whom, and what it asks of Spotify for that."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest

from chalicelib.cli.doctor import examine
from chalicelib.cli.doctor.check import Check
from chalicelib.errors import BadSetting
from chalicelib.settings import Settings
from chalicelib.snapshots.pipeline import open_lake, open_pipeline
from simulator import DEVELOPMENT, EXTENDED, GRANDFATHERED, TOP_50, App, Fault, Simulator
from tests.conftest import Clock

ROOT = Path(__file__).parents[1]


class Patient:
    """Somebody's settings beside a simulated Spotify."""

    def __init__(self, simulator: Simulator, server: Any, clock: Clock, folder: Path) -> None:
        self.simulator, self.clock = simulator, clock
        self.settings = Settings(
            lake=str(folder / "lake"), api_url=server.api_url, accounts_url=server.accounts_url, playlists="x"
        )
        self.use(EXTENDED)
        self.follow("one")

    def use(self, app: App, consented_days_ago: int | None = None) -> None:
        self.settings = replace(self.settings, client_id=app.client_id, client_secret=app.client_secret)
        if consented_days_ago is not None:
            moment = self.clock.now() - timedelta(days=consented_days_ago)
            token = self.simulator.refresh_token(app=app, consented_at=moment)
            self.settings = replace(self.settings, refresh_token=token, consented_at=moment.date())

    def follow(self, *names: str) -> list[str]:
        ids = [self.simulator.playlist_id(name) for name in names]
        self.settings = replace(self.settings, playlists=",".join(ids))
        return ids

    def examine(self) -> dict[str, Check]:
        return {check.name: check for check in examine(lambda: self.settings, self.clock.world())}

    def extract(self) -> None:
        world = self.clock.world()
        open_pipeline(self.settings, world, open_lake(self.settings, world)).extract(self.settings.playlists.split(","))


@pytest.fixture
def patient(clock: Clock, tmp_path: Path) -> Iterator[Patient]:
    simulator = Simulator(now=clock.now)
    with simulator.serve() as server:
        yield Patient(simulator, server, clock, tmp_path)


@pytest.mark.parametrize(
    ("app", "words", "readable"),
    [
        (EXTENDED, "extended quota", {"top-50", "one", "followed"}),
        (GRANDFATHERED, "made before 11 February 2026", {"one", "followed"}),
        (DEVELOPMENT, "made on or after 11 February 2026", {"one", "collaborative"}),
    ],
)
def test_each_kind_of_app_is_told_with_what_it_can_read(
    patient: Patient, app: App, words: str, readable: set[str]
) -> None:
    patient.use(app, consented_days_ago=10)
    names = ["top-50", "one", "followed", "private"] + (["collaborative"] if app is DEVELOPMENT else [])
    ids = patient.follow(*names)
    found = patient.examine()
    assert words in found["app"].message
    good = {name for name, one in zip(names, ids, strict=True) if found[f"playlist {one}"].mark == "good"}
    assert good == readable
    hidden = found[f"playlist {ids[3]}"]
    assert (hidden.mark, "Resource not found" in hidden.message) == ("bad", True)
    assert "private" in hidden.advice


@pytest.mark.parametrize("name", ["top-50", "followed"])
def test_what_is_not_ones_own_has_the_chart_import_left(patient: Patient, name: str) -> None:
    patient.use(DEVELOPMENT, consented_days_ago=0)
    patient.follow(name)
    check = list(patient.examine().values())[-1]
    assert check.mark == "bad"
    assert "chartlake import" in check.advice


def test_an_app_that_gives_covers_only_is_told_even_if_nothing_else_is_followed(patient: Patient) -> None:
    patient.use(DEVELOPMENT, consented_days_ago=0)
    (followed,) = patient.follow("followed")
    found = patient.examine()
    assert "only playlists that the signed-in user owns" in found["app"].message
    assert "403" in found[f"playlist {followed}"].message


def test_it_asks_once_a_playlist_and_tells_the_last_kept_day(patient: Patient) -> None:
    ids = patient.follow("one", "hundred-and-one")
    patient.extract()
    patient.clock.advance(days=3)
    before = len(patient.simulator.requests)
    found = patient.examine()
    assert [one.path for one in patient.simulator.requests[before:]] == [
        "/api/token",
        *(f"/v1/playlists/{one}" for one in ids),
    ]
    stale = found[f"playlist {ids[1]}"]
    assert "101 entries. Last kept on 2026-11-23, 3 days ago." in stale.message
    assert (stale.mark, "chartlake coverage" in stale.advice) == ("warning", True)
    assert "newest snapshot is of 2026-11-23T12:00" in found["lake"].message


@pytest.mark.parametrize(
    ("days_ago", "mark", "words"),
    [(10, "good", "170 days are left"), (160, "warning", "20 days are left"), (None, "warning", "not known")],
)
def test_the_days_left_of_a_sign_in(patient: Patient, days_ago: int | None, mark: str, words: str) -> None:
    patient.use(DEVELOPMENT, consented_days_ago=days_ago or 0)
    if days_ago is None:
        patient.settings = replace(patient.settings, consented_at=None)
    consent = patient.examine()["consent"]
    assert (consent.mark, words in consent.message) == (mark, True)
    assert ("chartlake login" in consent.advice) == (mark == "warning")


def test_a_sign_in_that_ended_is_a_cross_and_no_playlist_is_asked(patient: Patient) -> None:
    patient.use(DEVELOPMENT, consented_days_ago=200)
    found = patient.examine()
    assert found["credentials"].mark == "bad"
    assert "chartlake login" in found["credentials"].advice
    assert [one.path for one in patient.simulator.requests] == ["/api/token"]


def test_while_spotify_wants_to_be_left_alone_it_is(patient: Patient) -> None:
    patient.simulator.faults.add(Fault.quota_exceeded(50_000))
    patient.extract()
    asked = len(patient.simulator.requests)
    found = patient.examine()
    assert "until 2026-11-24 01:53:20 UTC" in found["quota"].message
    assert len(patient.simulator.requests) == asked
    patient.clock.advance(seconds=50_001)
    assert "quota" not in patient.examine()


def test_a_lapsed_premium_ends_the_asking(patient: Patient) -> None:
    patient.follow("one", "fifty")
    fault = Fault("status", status=403, body="Active premium subscription required", on="playlist", times=None)
    patient.simulator.faults.add(fault)
    found = list(patient.examine().values())
    assert "Premium" in found[-1].advice
    # What would end a run is asked once more before it is believed.
    assert sum(one.path.startswith("/v1/playlists/") for one in patient.simulator.requests) == 2


def _wrong_setting() -> Settings:
    raise BadSetting("CHARTLAKE_SCHEDULE='daily' is neither rate(…) nor cron(…).")


def _no_credentials() -> Settings:
    return Settings(lake="/nowhere")


@pytest.mark.parametrize(
    ("settings_of", "name", "words"),
    [(_wrong_setting, "settings", "CHARTLAKE_SCHEDULE"), (_no_credentials, "credentials", "no Spotify credentials")],
)
def test_what_is_missing_before_spotify_is_reached(
    clock: Clock, settings_of: Callable[[], Settings], name: str, words: str
) -> None:
    last = list(examine(settings_of, clock.world()))[-1]
    assert (last.name, last.mark, words in last.message) == (name, "bad", True)


@pytest.fixture
def at_aws(patient: Patient, aws: str) -> Patient:
    """The same with a bucket and an SSM parameter, at the time that AWS has."""
    patient.clock.moment = datetime.now(UTC)
    value = json.dumps({"client_id": EXTENDED.client_id, "client_secret": EXTENDED.client_secret})
    boto3.client("ssm").put_parameter(Name="/chartlake/spotify", Type="SecureString", Value=value, Overwrite=True)
    bucket = f"doctor-{uuid.uuid4().hex}"
    where = {"LocationConstraint": "eu-west-1"}
    boto3.client("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration=where)
    patient.settings = replace(patient.settings, lake=f"s3://{bucket}/prefix", secret="/chartlake/spotify")
    return patient


def bucket_of(patient: Patient) -> str:
    return patient.settings.lake.split("/")[2]


def test_a_bucket_and_a_parameter_as_they_should_be(at_aws: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chalicelib.cli.doctor.PACKAGING_PYTHON", (3, 11))  # else it warns under that Python
    s3, bucket = boto3.client("s3"), bucket_of(at_aws)
    names = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=dict.fromkeys(names, True))
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})
    found = at_aws.examine()
    assert {name: check.message for name, check in found.items() if check.mark != "good"} == {}
    assert list(found)[1:12] == [
        *("settings", "schedule", "aws", "clock", "lake", "writing", "private", "encrypted", "versioned"),
        *("parameter", "credentials"),
    ]
    assert "Account 123456789012" in found["aws"].message
    assert "eu-west-1" in found["aws"].message
    assert "AES256" in found["encrypted"].message
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_a_bucket_that_forgets_or_may_be_opened_is_a_warning(at_aws: Patient) -> None:
    found = at_aws.examine()
    marks = {name: found[name].mark for name in ("private", "encrypted", "versioned")}
    assert marks == dict.fromkeys(marks, "warning")
    assert f"put-public-access-block --bucket {bucket_of(at_aws)}" in found["private"].advice


def _policy_for_everybody(bucket: str) -> None:
    statement = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    boto3.client("s3").put_bucket_policy(Bucket=bucket, Policy=policy)


def _acl_for_everybody(bucket: str) -> None:
    boto3.client("s3").put_bucket_acl(Bucket=bucket, ACL="public-read")


@pytest.mark.parametrize(("open_it", "words"), [(_policy_for_everybody, "policy"), (_acl_for_everybody, "access list")])
def test_a_bucket_that_everybody_may_read_is_a_cross(
    at_aws: Patient, open_it: Callable[[str], None], words: str
) -> None:
    open_it(bucket_of(at_aws))
    private = at_aws.examine()["private"]
    assert (private.mark, words in private.message) == ("bad", True)


def test_what_is_missing_at_aws_is_named(at_aws: Patient) -> None:
    boto3.client("ssm").put_parameter(Name="/chartlake/plain", Type="String", Value="{}", Overwrite=True)
    at_aws.settings = replace(at_aws.settings, lake="s3://no-such-bucket/prefix", secret="/chartlake/nothing")
    found = at_aws.examine()
    assert (found["lake"].mark, found["parameter"].mark) == ("bad", "bad")
    assert "ParameterNotFound" in found["parameter"].message
    assert "private" not in found


def test_a_parameter_that_is_not_encrypted_is_a_warning(at_aws: Patient) -> None:
    value = json.dumps({"client_id": EXTENDED.client_id, "client_secret": EXTENDED.client_secret})
    boto3.client("ssm").put_parameter(Name="/chartlake/plain", Type="String", Value=value, Overwrite=True)
    at_aws.settings = replace(at_aws.settings, secret="/chartlake/plain")
    found = at_aws.examine()
    assert (found["parameter"].mark, "SecureString" in found["parameter"].advice) == ("warning", True)
    assert EXTENDED.client_secret not in str(found)


def test_a_refresh_token_that_spotify_replaces_is_not_lost_by_looking(at_aws: Patient) -> None:
    at_aws.simulator.accounts.rotating = True
    app = {"client_id": EXTENDED.client_id, "client_secret": EXTENDED.client_secret}
    consent = {"refresh_token": at_aws.simulator.refresh_token(app=EXTENDED), "consented_at": str(date.today())}
    value = json.dumps(app | consent)
    boto3.client("ssm").put_parameter(Name="/chartlake/spotify", Type="SecureString", Value=value, Overwrite=True)
    for _ in range(3):
        assert at_aws.examine()["credentials"].mark == "good"


def test_nobody_signed_in_to_aws(at_aws: Patient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)  # it remembers the keys
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    found = at_aws.examine()
    assert (found["aws"].mark, "aws sso login" in found["aws"].advice) == ("bad", True)
    assert found["lake"].mark == "bad"


@pytest.mark.parametrize(("minutes", "mark"), [(0, "good"), (4, "good"), (6, "bad"), (-90, "bad")])
def test_a_wrong_clock_is_told_by_spotifys_answer(patient: Patient, minutes: int, mark: str) -> None:
    wrong = Clock(patient.clock.now() + timedelta(minutes=minutes))
    found = {check.name: check for check in examine(lambda: patient.settings, wrong.world())}
    assert found["clock"].mark == mark
    if mark == "bad":
        side = "ahead of" if minutes > 0 else "behind"
        assert f"{abs(minutes)} minutes {side} Spotify's" in found["clock"].message


def test_a_wrong_clock_is_told_by_awss_answer(at_aws: Patient) -> None:
    at_aws.clock.advance(hours=1)
    clock = at_aws.examine()["clock"]
    assert (clock.mark, "60 minutes ahead of AWS's" in clock.message) == ("bad", True)


@pytest.mark.parametrize(
    ("expression", "mark", "words"),
    [
        ("rate(1 day)", "good", "A run every day"),
        ("rate(12 hours)", "good", "A run every 12 hours"),
        ("rate(2 days)", "warning", "A run every 2 days"),
        # NOON is a Monday, 23 November 2026.
        ("cron(15 6 * * ? *)", "good", "at 2026-11-24 06:15 UTC, then at 2026-11-25 06:15"),
        ("cron(0 12 * * ? *)", "good", "at 2026-11-24 12:00 UTC, then at 2026-11-25 12:00"),
        ("cron(0/30 12-13 * * ? *)", "good", "at 2026-11-23 12:30 UTC, then at 2026-11-23 13:00"),
        ("cron(0 18 ? * MON-FRI *)", "good", "at 2026-11-23 18:00 UTC, then at 2026-11-24 18:00"),
        ("cron(0 8 ? * 2 *)", "warning", "at 2026-11-30 08:00 UTC, then at 2026-12-07 08:00"),
        ("cron(0 9 L * ? *)", "warning", "at 2026-11-30 09:00 UTC, then at 2026-12-31 09:00"),
        ("cron(0 9 15W * ? *)", "warning", "at 2026-12-15 09:00 UTC, then at 2027-01-15 09:00"),
        ("cron(0 9 LW JAN,FEB ? *)", "warning", "at 2027-01-29 09:00 UTC, then at 2027-02-26 09:00"),
        ("cron(0 9 ? * FRI#2 *)", "warning", "at 2026-12-11 09:00 UTC, then at 2027-01-08 09:00"),
        ("cron(0 9 ? * 6L *)", "warning", "at 2026-11-27 09:00 UTC, then at 2026-12-25 09:00"),
        ("cron(0 9 29 2 ? *)", "warning", "at 2028-02-29 09:00 UTC, then at 2032-02-29 09:00"),
        ("cron(0 9 24 11 ? 2026)", "warning", "and none after it"),
        ("cron(0 9 1 1 ? 2020)", "bad", "never starts"),
        ("cron(60 9 * * ? *)", "bad", "'60' is not within 0 to 59"),
        ("cron(0 9 ? * FOO *)", "bad", "'FOO' is no value"),
        ("cron(0 9 * 13 ? *)", "bad", "'13' is not within 1 to 12"),
    ],
)
def test_the_schedule_in_words(patient: Patient, expression: str, mark: str, words: str) -> None:
    patient.settings = replace(patient.settings, schedule=expression)
    found = patient.examine()["schedule"]
    assert (found.mark, words in found.message) == (mark, True), found.message


def test_looking_leaves_nothing_behind(patient: Patient) -> None:
    assert patient.examine()["writing"].mark == "good"
    assert not Path(patient.settings.lake).exists()


def test_a_folder_that_cannot_be_written_is_a_cross(
    patient: Patient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "locked").mkdir(mode=0o500)
    patient.settings = replace(patient.settings, lake=str(tmp_path / "locked" / "lake"))
    # An administrator, as whom CI runs, may write everywhere.
    monkeypatch.setattr(os, "access", lambda path, mode: bool(Path(path).stat().st_mode & 0o200))
    assert patient.examine()["writing"].mark == "bad"


def test_a_failed_day_is_told_beside_the_last_good_one(patient: Patient) -> None:
    (one,) = patient.follow("one")
    patient.extract()
    patient.clock.advance(days=1)
    patient.simulator.faults.add(Fault("status", status=404, on="playlist"))
    patient.extract()
    found = patient.examine()[f"playlist {one}"]
    assert "Last kept on 2026-11-23, yesterday. On 2026-11-24: not_found." in found.message
    patient.clock.advance(days=1)
    assert patient.examine()[f"playlist {one}"].mark == "warning"


@pytest.mark.parametrize(("app", "code"), [(EXTENDED, 0), (GRANDFATHERED, 1)])
@pytest.mark.parametrize("as_json", [True, False])
def test_at_the_terminal_a_cross_is_exit_code_1_and_no_secret_is_shown(
    patient: Patient, tmp_path: Path, app: App, code: int, as_json: bool
) -> None:
    patient.clock.moment = datetime.now(UTC)
    keep = {name: value for name, value in os.environ.items() if not name.startswith(("SPOTI", "CHARTLAKE"))}
    environment = keep | {
        "CHARTLAKE_LAKE": str(tmp_path / "lake"),
        "CHARTLAKE_PLAYLISTS": TOP_50,
        "SPOTIFY_API_URL": patient.settings.api_url,
        "SPOTIFY_ACCOUNTS_URL": patient.settings.accounts_url,
        "SPOTIPY_CLIENT_ID": app.client_id,
        "SPOTIPY_CLIENT_SECRET": app.client_secret,
        "PYTHONPATH": str(ROOT),
    }
    command = [sys.executable, "-m", "chalicelib", "doctor", *(["--json"] if as_json else [])]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=tmp_path, timeout=60)
    assert done.returncode == code
    if as_json:
        last = json.loads(done.stdout)[-1]
        assert (last["name"], last["mark"]) == (f"playlist {TOP_50}", "bad" if code else "good")
    else:
        assert f"{'×' if code else '✓'} playlist {TOP_50}" in done.stdout
    assert app.client_secret not in done.stdout + done.stderr
