"""A session whose answers have to be whole in time.

requests limits the silence between two pieces of an answer, never the whole of it: an answer that drips byte by byte
outlives any Lambda. Here every read from the connection, of headers as of bodies, first looks at the clock.
"""

from __future__ import annotations

import io
import socket
from functools import partial
from http.client import HTTPResponse
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager, ProxyManager
from urllib3.connection import HTTPConnection, HTTPSConnection

from ..time_and_chance import World

# Seconds for one answer from its first byte to its last: 100 entries, the largest there is, are 400 kB.
LONGEST_ANSWER = 60.0


def open_session(world: World, connections: int = 1) -> requests.Session:
    """A session for Spotify. An answer that takes longer than a minute, or than this process lives, is a timeout."""
    session = requests.Session()
    for scheme in ("http://", "https://"):
        session.mount(scheme, _TimelyAdapter(world, connections))
    return session


class _TimelyAdapter(HTTPAdapter):
    def __init__(self, world: World, connections: int) -> None:
        self._world = world
        super().__init__(pool_maxsize=connections)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self._use_timely(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> ProxyManager:
        manager: ProxyManager = super().proxy_manager_for(proxy, **kwargs)
        self._use_timely(manager)
        return manager

    def _use_timely(self, manager: PoolManager) -> None:
        response = partial(_TimelyResponse, self._world)
        plain = type("_Plain", (HTTPConnection,), {"response_class": staticmethod(response)})
        secure = type("_Secure", (HTTPSConnection,), {"response_class": staticmethod(response)})
        manager.pool_classes_by_scheme = {
            "http": type("_PlainPool", (HTTPConnectionPool,), {"ConnectionCls": plain}),
            "https": type("_SecurePool", (HTTPSConnectionPool,), {"ConnectionCls": secure}),
        }


class _TimelyResponse(HTTPResponse):
    """Begins when the request has been sent; ends at the latest when its time is over."""

    def __init__(self, world: World, connection: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(connection, *args, **kwargs)
        raw = self.fp.detach()
        self.fp = io.BufferedReader(_TimelyStream(world, connection, raw))


class _TimelyStream(io.RawIOBase):
    def __init__(self, world: World, connection: socket.socket, raw: io.RawIOBase) -> None:
        self._world, self._connection, self._raw = world, connection, raw
        self._silence = connection.gettimeout()
        self._ends_at = world.monotonic() + min(LONGEST_ANSWER, max(1.0, world.time_left()))

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._ends_at - self._world.monotonic()
        if left <= 0:
            raise TimeoutError("the answer was not whole in time")
        self._connection.settimeout(left if self._silence is None else min(self._silence, left))
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()
