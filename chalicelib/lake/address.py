"""Where a lake lives: its address becomes the store behind it."""

from __future__ import annotations

from ..time_and_chance import World
from .store import ObjectStore


def open_store(address: str, world: World) -> ObjectStore:
    """The store behind `s3://bucket/prefix` or a folder's path."""
    if address.startswith("s3://"):
        from .s3 import S3Store

        return S3Store(address, world)
    from .folder import FolderStore

    return FolderStore(address)
