"""chartlake: a daily, complete, trustworthy snapshot of Spotify playlists in your own storage."""

__version__ = "0.1.0"
