"""The routes over real HTTP: `chalice local` in a process of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import requests

ROOT = Path(__file__).parents[1]


@contextmanager
def chalice_local(environment: Mapping[str, str], log: Path) -> Iterator[str]:
    """The address of the routes, served with these variables besides one's own."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    command = [str(Path(sys.executable).parent / "chalice"), "local", "--port", str(port), "--no-autoreload"]
    with log.open("w") as out:
        process = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, **environment}, stdout=out, stderr=subprocess.STDOUT
        )
        try:
            url = f"http://127.0.0.1:{port}"
            _wait_for(f"{url}/version", process)
            yield url
        finally:
            process.kill()
            process.wait(10)


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        assert process.poll() is None
        try:
            requests.get(url, timeout=10)
        except requests.ConnectionError:
            threading.Event().wait(0.1)
        else:
            return
    raise AssertionError("chalice local did not start within a minute")
