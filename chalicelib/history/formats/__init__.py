"""One small module for each kind of foreign file: what is in it, as days. May import spotify.entries."""
