"""The simulator as others use it: the simulated Spotify, which can be served over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .spotify import Spotify

if TYPE_CHECKING:
    from .server import Server


class Simulator(Spotify):
    """A Spotify to run against."""

    def serve(self, port: int = 0) -> Server:
        """Give a server to use as a context manager; port 0 takes any free one. Raises `OSError` where it is taken."""
        # Flask is loaded only by those who serve.
        from .server import Server

        return Server(self, port)
