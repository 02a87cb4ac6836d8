"""A Spotify to run against: invented artists, songs and playlists over real HTTP. Never Spotify itself."""

from .accounts import DEVELOPMENT, EXTENDED, GRANDFATHERED, App
from .faults import Fault
from .playlists import CURATED, TOP_50, VIRAL_50
from .simulator import Served, Simulator

__all__ = [
    "CURATED",
    "DEVELOPMENT",
    "EXTENDED",
    "GRANDFATHERED",
    "TOP_50",
    "VIRAL_50",
    "App",
    "Fault",
    "Served",
    "Simulator",
]
