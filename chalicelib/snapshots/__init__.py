"""A playlist's day, from capture to commit and back: where Spotify and the lake meet. May import spotify and lake."""
