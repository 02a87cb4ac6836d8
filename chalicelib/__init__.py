"""chartlake: a daily, complete, trustworthy snapshot of Spotify playlists in your own storage."""

__version__ = "0.1.0"

# First of all, since it keeps libraries from logging secrets.
from . import logs as logs
