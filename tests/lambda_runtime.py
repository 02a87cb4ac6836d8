"""A small Lambda: AWS's own runtime client in its own process, fed by a Runtime API of ours.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import sysconfig
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

_RUNTIME = "/2018-06-01/runtime"
_PATIENCE = 60.0
# What Lambda's Python brings along: the runtime client, boto3, and what these two need.
_IN_THE_RUNTIME = (
    *("awslambdaric", "runtime_client*", "simplejson", "snapshot_restore_py.py"),
    *("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six.py", "urllib3"),
)
_BOOT = (
    "import sys; sys.path[:0] = [sys.argv[1]]; sys.path.append(sys.argv[2]); "
    "from awslambdaric.__main__ import main; main(['bootstrap', sys.argv[3]])"
)


@dataclass(frozen=True)
class Invocation:
    """What came of one event: the answer or the error, and how long it took."""

    answer: Any
    error: dict[str, Any] | None
    seconds: float


class Function:
    """A started Lambda environment with one handler."""

    def __init__(self, process: subprocess.Popen[str], server: _RuntimeApi) -> None:
        self._process = process
        self._server = server
        self.init_seconds = 0.0

    def invoke(self, event: Mapping[str, Any], seconds: float = 900) -> Invocation:
        began = time.monotonic()
        self._server.events.put((json.dumps(event).encode(), seconds))
        # A batch that keeps to a slow pace takes its time.
        kind, body = self._next(_PATIENCE + seconds)
        took = time.monotonic() - began
        document = json.loads(body)
        return Invocation(None, document, took) if kind != "response" else Invocation(document, None, took)

    def memory(self) -> float:
        """What the process has in memory, in MB."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) / 1000

    def seconds_of_work(self) -> float:
        """What the process took of a core up to now."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def wait_until_ready(self, began: float) -> None:
        kind, body = self._next()
        assert kind == "next", f"the handler could not be loaded: {body.decode()}"
        self.init_seconds = time.monotonic() - began

    def _next(self, patience: float = _PATIENCE) -> tuple[str, bytes]:
        until = time.monotonic() + patience
        while time.monotonic() < until:
            try:
                kind, body = self._server.heard.get(timeout=1)
            except queue.Empty:
                assert self._process.poll() is None, "the runtime ended"
            else:
                if kind != "next" or not self.init_seconds:
                    return kind, body
        raise AssertionError(f"no word from the function within {patience:.0f} s")


class _RuntimeApi(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.events: queue.Queue[tuple[bytes, float]] = queue.Queue()
        self.heard: queue.Queue[tuple[str, bytes]] = queue.Queue()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: the process at the other end is killed when the test has seen enough."""


class _Handler(BaseHTTPRequestHandler):
    server: _RuntimeApi
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.server.heard.put(("next", b""))
        body, seconds = self.server.events.get()
        self.send_response(200)
        self.send_header("Lambda-Runtime-Aws-Request-Id", f"request-{time.monotonic_ns()}")
        self.send_header("Lambda-Runtime-Deadline-Ms", str(int((time.time() + seconds) * 1000)))
        self.send_header("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:eu-west-1:123456789012:function:f")
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.heard.put((self.path.rsplit("/", 1)[-1], body))
        self.send_response(202)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        pass


def runtime_folder(into: Path) -> Path:
    """What stands beside the bundle in Lambda, and nothing else of this machine's packages."""
    for pattern in _IN_THE_RUNTIME:
        found = list(Path(sysconfig.get_paths()["purelib"]).glob(pattern))
        assert found, f"{pattern} is not installed"
        for path in found:
            (into / path.name).symlink_to(path)
    return into


@contextmanager
def running(task: Path, runtime: Path, handler: str, environment: Mapping[str, str], log: Path) -> Iterator[Function]:
    """`handler` of the bundle unpacked in `task`, in a process that sees only it, `runtime` and `environment`."""
    server = _RuntimeApi()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    variables = {
        "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{server.server_port}",
        "AWS_LAMBDA_FUNCTION_NAME": "chartlake-test",
        "AWS_LAMBDA_LOG_FORMAT": "JSON",
        "AWS_LAMBDA_LOG_LEVEL": "INFO",
        "LAMBDA_TASK_ROOT": str(task),
        "_HANDLER": handler,
        "TZ": ":UTC",
    }
    # -I: no PYTHON* variables, no working folder; -S: no site-packages; -B: in Lambda nothing can be written there.
    command = [sys.executable, "-I", "-S", "-B", "-c", _BOOT, str(task), str(runtime), handler]
    began = time.monotonic()
    with log.open("w") as out:
        process = subprocess.Popen(
            command, cwd=task, env=variables | environment, stdout=out, stderr=subprocess.STDOUT, text=True
        )
        try:
            function = Function(process, server)
            function.wait_until_ready(began)
            yield function
        finally:
            process.kill()
            process.wait(10)
            server.shutdown()
            server.server_close()
