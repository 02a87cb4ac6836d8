"""A Spotify to run against: invented artists, songs and playlists over real HTTP. Never Spotify itself.

Its files in an order to read them in; each imports only from those before it:

  what there is      hashing, names, catalogue, entries, charts, curated, oddities, accounts, playlists, recorded
  what goes wrong    faults
  all of it          spotify
  how it is told     fields, dialects
  over HTTP          mishaps, consent, control, web, server
  for others         simulator, __main__
"""

from .accounts import DEVELOPMENT, EXTENDED, GRANDFATHERED, App
from .faults import Fault
from .playlists import CURATED, TOP_50, VIRAL_50
from .simulator import Simulator
from .spotify import Served

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
