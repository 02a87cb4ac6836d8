"""Foreign history files to rows: pure, streaming, one small module a format."""

from ..errors import BadImport
from .day import Day
from .formats.archive_clone import read_clone
from .formats.archive_json import Followers, read_followers
from .opening import Limits, expand
from .reader import read_history

__all__ = ["BadImport", "Day", "Followers", "Limits", "expand", "read_clone", "read_followers", "read_history"]
