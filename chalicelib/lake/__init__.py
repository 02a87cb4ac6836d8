"""Keeping: objects in S3 or in a folder, and the two Parquet tables made of them. Knows nothing of Spotify."""
