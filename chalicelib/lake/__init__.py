"""Keeping: objects in S3 or a folder, the Parquet tables made of them, tombstones. May import the ground only."""
