"""Reading Spotify truthfully. Knows nothing of S3."""
