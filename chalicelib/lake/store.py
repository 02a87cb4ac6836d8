"""The object store that a lake lives in: the one interface, a dry run of it, and how an object is changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeVar

from ..errors import LakeUnavailable
from ..time_and_chance import World

# Of all that write an object at once one is done each time, so what counts is time, not tries: 150 days of one list,
# dropped together, took 42 s.
_LONGEST_SECONDS = 300.0
_LONGEST_PAUSE = 10.0


@dataclass(frozen=True)
class Stored:
    """An object as read: its bytes, and the tag that says which version they are."""

    data: bytes = field(repr=False)
    etag: str


class Conflict(Exception):
    """Somebody else wrote the object first: read again, decide again."""


class ObjectStore(Protocol):
    """Whole objects by key. A reader sees an object's old bytes or its new ones, never a mixture.

    All methods raise `LakeUnavailable` where the storage fails.
    """

    def get(self, key: str) -> Stored | None:
        """The object, or None where there is none."""

    def download(self, key: str, path: Path) -> str | None:
        """The object into a local file, a part at a time, since it may be larger than the memory; gives the tag of its
        version, or None where there is none."""

    def create(self, key: str, data: bytes) -> None:
        """Write a new object. Raises `Conflict` where the key holds other bytes already; equal bytes are success,
        since they are one's own write whose answer got lost."""

    def add(self, objects: Mapping[str, bytes | Path]) -> list[str]:
        """Write many new objects, some of them at the same time, each from its bytes or from a local file, which may be
        larger than the memory; gives the keys that are taken, whose objects stay as they are."""

    def replace(self, key: str, data: bytes, etag: str) -> None:
        """Write over the version read as `etag`. Raises `Conflict` where the object is another version or gone
        (unless it holds these very bytes already)."""

    def delete(self, key: str) -> None:
        """Remove an object; one that is not there is success."""

    def sweep(self) -> None:
        """Remove what killed processes left of objects that they were writing: in a folder the bytes lie beside the
        object's place, under no key. In S3 there is no such thing."""

    def list(self, prefix: str) -> Iterator[str]:
        """The keys that begin with `prefix`, sorted."""

    def versions(self, prefix: str) -> Iterator[tuple[str, str]]:
        """The keys that begin with `prefix`, sorted, each with the tag of its version. In S3 as cheap as `list`."""

    def folders(self, prefix: str) -> Iterator[str]:
        """The folders directly below `prefix`, which ends with '/'; each is a prefix that ends with '/', sorted."""

    def locate(self, key: str) -> str:
        """Where a person finds that key: a path or an s3:// address."""

    def link(self, key: str, seconds: int) -> str:
        """An address at which a browser opens that object. In S3 it is signed: whoever has it can read the object for
        so many seconds, or until the credentials that signed it end."""


class DryRun:
    """A store over another one: what is written or deleted stays in memory, so that a job can be tried, not done."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._written: dict[str, bytes | None] = {}

    def get(self, key: str) -> Stored | None:
        if key not in self._written:
            return self._store.get(key)
        data = self._written[key]
        return None if data is None else Stored(data, str(hash(data)))

    def download(self, key: str, path: Path) -> str | None:
        found = self.get(key)
        if found is not None:
            path.write_bytes(found.data)
        return found.etag if found else None

    def create(self, key: str, data: bytes) -> None:
        found = self.get(key)
        if found and found.data != data:
            raise Conflict(key)
        self._written[key] = data

    def add(self, objects: Mapping[str, bytes | Path]) -> list[str]:
        taken = [key for key in objects if self.get(key)]
        for key in objects.keys() - taken:
            one = objects[key]
            self._written[key] = one if isinstance(one, bytes) else one.read_bytes()
        return taken

    def replace(self, key: str, data: bytes, etag: str) -> None:
        found = self.get(key)
        if found is None or found.etag != etag:
            raise Conflict(key)
        self._written[key] = data

    def delete(self, key: str) -> None:
        self._written[key] = None

    def sweep(self) -> None:
        pass

    def list(self, prefix: str) -> Iterator[str]:
        found = {*self._store.list(prefix), *(key for key in self._written if key.startswith(prefix))}
        yield from sorted(key for key in found if self._written.get(key, b"") is not None)

    def versions(self, prefix: str) -> Iterator[tuple[str, str]]:
        yield from ((key, found.etag) for key in self.list(prefix) if (found := self.get(key)))

    def folders(self, prefix: str) -> Iterator[str]:
        names = (key.removeprefix(prefix).split("/", 1) for key in self.list(prefix))
        yield from sorted({f"{prefix}{parts[0]}/" for parts in names if len(parts) == 2})

    def locate(self, key: str) -> str:
        return self._store.locate(key)

    def link(self, key: str, seconds: int) -> str:
        return self._store.link(key, seconds)


@dataclass(frozen=True)
class Plan:
    """What is to become of an object, decided from it as just read: its new bytes, or None to leave it as it is."""

    key: str
    found: Stored | None
    data: bytes | None


SomePlan = TypeVar("SomePlan", bound=Plan)


def carry_out(store: ObjectStore, make_plan: Callable[[], SomePlan], world: World) -> SomePlan:
    """Make a plan and write what it says if nobody was faster, else all of it again. Gives the plan that came true.

    Raises `LakeUnavailable` where others were faster for five minutes, or until the end of this process.
    """
    began, conflicts = world.monotonic(), 0
    while True:
        plan = make_plan()
        try:
            _write(store, plan)
            return plan
        except Conflict:
            conflicts += 1
            pause = world.random.uniform(0, min(_LONGEST_PAUSE, 0.05 * 2 ** min(conflicts, 10)))
            if pause > min(world.time_left(), began + _LONGEST_SECONDS - world.monotonic()):
                raise LakeUnavailable(
                    f"{store.locate(plan.key)} was changed by others {conflicts} times while it was being written.",
                    advice="Run the same again when fewer write the same playlist at once; what is there is skipped.",
                ) from None
            world.sleep(pause)


def _write(store: ObjectStore, plan: Plan) -> None:
    if plan.data is None:
        return
    if plan.found is None:
        store.create(plan.key, plan.data)
    elif plan.data != plan.found.data:
        store.replace(plan.key, plan.data, plan.found.etag)


def update(store: ObjectStore, key: str, change: Callable[[bytes | None], bytes | None], world: World) -> None:
    """Do `carry_out` for one object: `change` maps its bytes (None: there is none) to the new ones, or to None for
    "leave it as it is"."""

    def make_plan() -> Plan:
        found = store.get(key)
        return Plan(key, found, change(found.data if found else None))

    carry_out(store, make_plan, world)
