"""What reads one playlist into S3: chartlake, and what people use instead. Each is the text of a Python program.

A program is started with the playlist's id and the number of its entries. It finds in its environment where Spotify
and S3 are, and in `INTO` the prefix in the bucket `charts` below which it keeps what it read.
"""

from __future__ import annotations

import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
# What a person installs to let dlt write Parquet into S3. It has a virtual environment of its own, since it brings
# another botocore along than the one that chartlake is tested with.
DLT = ("dlt[filesystem,parquet]==1.31.0", "s3fs==2026.9.0")

_SIGNED_IN = """
import os, requests, sys
form = {"grant_type": "refresh_token", "refresh_token": os.environ["SPOTIPY_REFRESH_TOKEN"]}
app = (os.environ["SPOTIPY_CLIENT_ID"], os.environ["SPOTIPY_CLIENT_SECRET"])
told = requests.post(os.environ["SPOTIFY_ACCOUNTS_URL"] + "/api/token", data=form, auth=app, timeout=9).json()
token = told["access_token"]
"""
_CHARTLAKE = """
import os, sys
os.environ["CHARTLAKE_LAKE"] = "s3://charts/" + os.environ["INTO"]
from chalicelib.cli import main
main(["extract", sys.argv[1], "--json"])
"""
_TUTORIALS = """
import boto3, csv, io, spotipy
spotify = spotipy.Spotify(auth=token)
spotify.prefix = os.environ["SPOTIFY_API_URL"] + "/"
page = spotify.playlist_items(sys.argv[1])
entries = page["items"]
while page["next"]:
    page = spotify.next(page)
    entries.extend(page["items"])
assert len(entries) == int(sys.argv[2])
text = io.StringIO()
rows = csv.writer(text)
for entry in entries:
    track = entry.get("item") or entry.get("track")
    if track:
        rows.writerow([track["id"], track["name"], entry["added_at"]])
boto3.client("s3").put_object(Bucket="charts", Key=os.environ["INTO"] + "/songs.csv", Body=text.getvalue().encode())
"""
# dlt tells its makers of each run unless it is told not to.
_IMPORTED = """
import os
os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
import dlt
from dlt.destinations import filesystem
from dlt.sources.rest_api import rest_api_source
"""
_DLT = """
import tempfile
source = rest_api_source({
    "client": {
        "base_url": os.environ["SPOTIFY_API_URL"],
        "auth": {"type": "bearer", "token": token},
        "paginator": {"type": "json_link", "next_url_path": "next"},
    },
    "resources": [{
        "name": "entries",
        "endpoint": {"path": f"playlists/{sys.argv[1]}/items", "params": {"limit": 50}, "data_selector": "items"},
    }],
})
keys = {
    "aws_access_key_id": os.environ["AWS_ACCESS_KEY_ID"],
    "aws_secret_access_key": os.environ["AWS_SECRET_ACCESS_KEY"],
    "region_name": os.environ["AWS_DEFAULT_REGION"],
    "endpoint_url": os.environ["AWS_ENDPOINT_URL"],
}
bucket = filesystem("s3://charts/" + os.environ["INTO"], credentials=keys)
with tempfile.TemporaryDirectory() as folder:
    pipeline = dlt.pipeline("reading", pipelines_dir=folder, destination=bucket, dataset_name="spotify")
    pipeline.run(source, loader_file_format="parquet")
"""
_BARE = """
import boto3
from concurrent.futures import ThreadPoolExecutor
session = requests.Session()
session.headers["Authorization"] = "Bearer " + token
def page(offset):
    address = f"{os.environ['SPOTIFY_API_URL']}/playlists/{sys.argv[1]}/items?limit=50&offset={offset}"
    answer = session.get(address, timeout=30)
    answer.raise_for_status()
    return answer.content
with ThreadPoolExecutor(4) as threads:
    pages = list(threads.map(page, range(0, int(sys.argv[2]), 50)))
body = b"[" + b",".join(pages) + b"]"
boto3.client("s3").put_object(Bucket="charts", Key=os.environ["INTO"] + "/pages.json", Body=body)
"""


@dataclass(frozen=True)
class Contender:
    """A program, the Python that runs it, and the folder that it runs in. `tables` is where below `INTO` its Parquet of
    the entries lies, one row an entry; empty where it writes none."""

    name: str
    program: str
    tables: str = ""
    python: str = sys.executable
    root: Path = ROOT


def contenders(folder: Path, before: Path | None = None) -> list[Contender]:
    """All of them, in the order in which they are told, with another checkout of chartlake, if there is one; dlt is
    installed into `folder`, and left out where it cannot be, which is then printed."""
    others = [Contender("chartlake before", _CHARTLAKE, "tables/entries/", root=before)] if before else []
    found = [
        Contender("chartlake", _CHARTLAKE, "tables/entries/"),
        *others,
        Contender("the script of the tutorials", _SIGNED_IN + _TUTORIALS),
        Contender("bare GETs, four at once", _SIGNED_IN + _BARE),
    ]
    try:
        python = _with_dlt(folder)
    except subprocess.CalledProcessError as error:
        told = str(error.stderr or error.output or error).strip().splitlines()
        print(f"dlt is left out, since it cannot be installed: {told[-1]}", flush=True)
        return found
    dlt = Contender("dlt, rest_api to Parquet", _SIGNED_IN + _IMPORTED + _DLT, "spotify/entries/", python)
    return [*found[:-1], dlt, found[-1]]


def _with_dlt(folder: Path) -> str:
    """A Python that has dlt. Raises `CalledProcessError`."""
    venv.create(folder, with_pip=True)
    python = str(folder / "bin" / "python")
    command = [python, "-m", "pip", "--disable-pip-version-check", "--quiet", "install", *DLT]
    subprocess.run(command, check=True, capture_output=True, text=True)
    # The first import compiles, which nobody does every day.
    subprocess.run([python, "-c", _IMPORTED], check=True, capture_output=True, text=True)
    return python
