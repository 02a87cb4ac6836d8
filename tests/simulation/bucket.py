"""An S3 bucket in memory, behind boto3's own words, so that the store of chartlake itself meets the trouble."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterator
from typing import IO, Any

from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError

from .schedule import Killed, Result, Schedule

PREFIX = "lake/"
_REFUSALS = (("SlowDown", 503), ("InternalError", 500), ("AccessDenied", 403), ("", 0))


class Bucket:
    """What is stored, by key; who watches is told of each key that is sent, and of each change: (key, old bytes, new)."""

    def __init__(self, watch: Callable[[str, bytes | None, bytes | None], None], sent: Callable[[str], None]) -> None:
        self.objects: dict[str, bytes] = {}
        self.sent = sent
        self._watch = watch

    def put(self, key: str, data: bytes, options: dict[str, Any]) -> bool:
        """Write, if S3's conditions are met."""
        held = self.objects.get(key)
        if "IfNoneMatch" in options and held is not None:
            return False
        if "IfMatch" in options and (held is None or etag_of(held) != options["IfMatch"]):
            return False
        self.objects[key] = data
        self._watch(key, held, data)
        return True

    def delete(self, key: str) -> None:
        held = self.objects.pop(key, None)
        if held is not None:
            self._watch(key, held, None)


def etag_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class S3Client:
    """The calls of boto3's client that `S3Store` makes, each with the trouble that the schedule has for it."""

    def __init__(self, bucket: Bucket, schedule: Schedule) -> None:
        self._bucket = bucket
        self._schedule = schedule

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:
        def effect() -> bytes | None:
            return self._bucket.objects.get(_own(Key))

        data = self._ask(f"GET {_own(Key)}", effect)
        if data is None:
            raise _error("NoSuchKey", 404)
        return {"Body": io.BytesIO(data), "ETag": etag_of(data)}

    def put_object(self, *, Bucket: str, Key: str, Body: bytes | IO[bytes], **options: Any) -> None:
        data = Body if isinstance(Body, bytes) else Body.read()

        def effect() -> bool:
            return self._bucket.put(_own(Key), data, options)

        self._bucket.sent(_own(Key))
        if not self._ask(f"PUT {_own(Key)}", effect, writes=True):
            code = ("NoSuchKey", 404) if _own(Key) not in self._bucket.objects else ("PreconditionFailed", 412)
            raise _error(*code)

    def delete_object(self, *, Bucket: str, Key: str) -> None:
        self._ask(f"DELETE {_own(Key)}", lambda: self._bucket.delete(_own(Key)), writes=True)

    def get_paginator(self, _: str) -> S3Client:
        return self

    def paginate(self, *, Bucket: str, Prefix: str, Delimiter: str = "") -> Iterator[dict[str, Any]]:
        def effect() -> list[tuple[str, str]]:
            found = sorted(self._bucket.objects.items())
            return [(key, etag_of(data)) for key, data in found if key.startswith(_own(Prefix))]

        held = self._ask(f"LIST {_own(Prefix)}", effect)
        if not Delimiter:
            yield {"Contents": [{"Key": PREFIX + key, "ETag": etag} for key, etag in held]}
            return
        keys = [PREFIX + key for key, _ in held]
        folders = {Prefix + rest.split("/", 1)[0] + "/" for key in keys if "/" in (rest := key.removeprefix(Prefix))}
        yield {"CommonPrefixes": [{"Prefix": folder} for folder in sorted(folders)]}

    def _ask(self, what: str, effect: Callable[[], Result], writes: bool = False) -> Result:
        schedule = self._schedule
        trouble = schedule.trouble_at_store(writes)
        if schedule.dies(writes):
            self._die(what, effect, writes)
        if trouble:
            schedule.tell(f"{schedule.current} {what}: {trouble}")
        if trouble == "refused":
            code, status = schedule.random.choice(_REFUSALS)
            raise _error(code, status) if code else EndpointConnectionError(endpoint_url="https://s3")
        if trouble == "answered 409" and writes:
            raise _error("ConditionalRequestConflict", 409)
        if trouble == "late" and writes:
            schedule.later(lambda: self._land(what, effect))
            raise ReadTimeoutError(endpoint_url="https://s3")
        found = effect()
        if not trouble:
            schedule.tell(f"{schedule.current} {what}{'' if found is not False else ': 412'}")
        if trouble == "lost":
            raise ReadTimeoutError(endpoint_url="https://s3")
        if trouble == "answered 412" and writes:
            # botocore repeats a PUT whose answer got lost, and meets its own first success.
            raise _error("PreconditionFailed", 412)
        return found

    def _die(self, what: str, effect: Callable[[], Result], writes: bool) -> None:
        when = self._schedule.random.choice(("before", "after", "late") if writes else ("before",))
        self._schedule.tell(f"{self._schedule.current} {what}: dies, the effect is {when}")
        if when == "after":
            effect()
        if when == "late":
            self._schedule.later(lambda: self._land(what, effect))
        raise Killed

    def _land(self, what: str, effect: Callable[[], Result]) -> None:
        self._schedule.tell(f"late {what}: {'412' if effect() is False else 'done'}")


def _own(key: str) -> str:
    return key.removeprefix(PREFIX)


def _error(code: str, status: int) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": ""}, "ResponseMetadata": {"HTTPStatusCode": status}}, "Call")
