"""A lake in S3, through boto3, with S3's conditional writes as the compare-and-swap.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from ..errors import LakeUnavailable
from ..time_and_chance import World
from .at_once import in_order
from .store import Conflict, Stored

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

_TRIES = 5
_CHUNK = 1 << 20
# New objects that are written at the same time: as many as boto3 keeps connections.
_AT_ONCE = 10

_ADVICE = {
    "NoSuchBucket": "Create the bucket, or correct CHARTLAKE_LAKE.",
    "AccessDenied": (
        "The AWS identity needs s3:GetObject, s3:PutObject and s3:ListBucket on this bucket and prefix (without "
        "ListBucket S3 answers 403 instead of 404 for what is not there yet), and s3:DeleteObject to purge."
    ),
    "InvalidAccessKeyId": "Check the AWS credentials: `aws sts get-caller-identity` shows who you are.",
    "SignatureDoesNotMatch": "Check the AWS credentials: `aws sts get-caller-identity` shows who you are.",
    "ExpiredToken": "Sign in to AWS again: `aws sso login`.",
    "PermanentRedirect": "The bucket lives in another region: set AWS_REGION to it.",
}


class S3Store:
    """Objects under one prefix of one bucket."""

    def __init__(self, address: str, world: World, client: S3Client | None = None) -> None:
        url = urlsplit(address)
        self._bucket = url.netloc
        self._prefix = f"{url.path.strip('/')}/".lstrip("/")
        self._world = world
        config = Config(retries={"mode": "standard", "max_attempts": 4}, connect_timeout=5, read_timeout=30)
        with self._explained(""):
            self._s3 = client or boto3.client("s3", config=config)

    def get(self, key: str) -> Stored | None:
        with self._explained(key):
            try:
                found = self._s3.get_object(Bucket=self._bucket, Key=self._prefix + key)
                return Stored(found["Body"].read(), found["ETag"])
            except ClientError as error:
                if _code(error) in ("NoSuchKey", "404"):
                    return None
                raise

    def download(self, key: str, path: Path) -> str | None:
        with self._explained(key):
            try:
                found = self._s3.get_object(Bucket=self._bucket, Key=self._prefix + key)
            except ClientError as error:
                if _code(error) in ("NoSuchKey", "404"):
                    return None
                raise
            with path.open("wb") as file:
                file.writelines(found["Body"].iter_chunks(_CHUNK))
            return found["ETag"]

    def create(self, key: str, data: bytes) -> None:
        self._put(key, data, {"IfNoneMatch": "*"})

    def add(self, objects: Mapping[str, bytes | Path]) -> list[str]:
        written = in_order(self._add, list(objects.items()), _AT_ONCE)
        return [key for key, is_new in zip(objects, written, strict=True) if not is_new]

    def _add(self, one: tuple[str, bytes | Path]) -> bool:
        key, content = one
        try:
            if isinstance(content, bytes):
                self.create(key, content)
            else:
                self._put_file(key, content)
        except Conflict:
            return False
        return True

    def _put_file(self, key: str, path: Path) -> None:
        for attempt in range(_TRIES):
            with self._explained(key), path.open("rb") as file:
                try:
                    self._s3.put_object(Bucket=self._bucket, Key=self._prefix + key, Body=file, IfNoneMatch="*")
                    return
                except ClientError as error:
                    if _status(error) == 412:
                        raise Conflict(key) from None
                    if _status(error) != 409 or attempt == _TRIES - 1:
                        raise
            self._world.sleep(self._world.random.uniform(0.05, 0.8))

    def replace(self, key: str, data: bytes, etag: str) -> None:
        self._put(key, data, {"IfMatch": etag})

    def delete(self, key: str) -> None:
        with self._explained(key):
            self._s3.delete_object(Bucket=self._bucket, Key=self._prefix + key)

    def sweep(self) -> None:
        pass

    def list(self, prefix: str) -> Iterator[str]:
        yield from (key for key, _ in self.versions(prefix))

    def versions(self, prefix: str) -> Iterator[tuple[str, str]]:
        with self._explained(prefix):
            pages = self._s3.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=self._prefix + prefix
            )
            for page in pages:
                for found in page.get("Contents", []):
                    yield found["Key"].removeprefix(self._prefix), found["ETag"]

    def folders(self, prefix: str) -> Iterator[str]:
        with self._explained(prefix):
            pages = self._s3.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=self._prefix + prefix, Delimiter="/"
            )
            found = [one["Prefix"] for page in pages for one in page.get("CommonPrefixes", [])]
        yield from sorted(folder.removeprefix(self._prefix) for folder in found)

    def locate(self, key: str) -> str:
        return f"s3://{self._bucket}/{self._prefix}{key}"

    def link(self, key: str, seconds: int) -> str:
        with self._explained(key):
            return self._signer.generate_presigned_url(
                "get_object", Params={"Bucket": self._bucket, "Key": self._prefix + key}, ExpiresIn=seconds
            )

    @cached_property
    def _signer(self) -> S3Client:
        # By default links are signed with version 2, which buckets made since 2020 refuse, and name the host of all
        # regions, which sends a browser on to another host, for which the signature does not count.
        if ".amazonaws.com" in self._s3.meta.endpoint_url:
            return boto3.client("s3", config=Config(signature_version="s3v4", s3={"addressing_style": "virtual"}))
        return boto3.client("s3", config=Config(signature_version="s3v4"))

    def _put(self, key: str, data: bytes, options: dict[str, Any]) -> None:
        if key.endswith(".html"):
            # Without it a browser offers the page as a download.
            options = options | {"ContentType": "text/html; charset=utf-8"}
        for attempt in range(_TRIES):
            with self._explained(key):
                try:
                    self._s3.put_object(Bucket=self._bucket, Key=self._prefix + key, Body=data, **options)
                    return
                except ClientError as error:
                    if _status(error) not in (404, 409, 412) or _code(error) == "NoSuchBucket":
                        raise
                    # botocore itself repeats a PUT whose answer got lost, and then meets its own first success.
                    found = self.get(key)
                    if found and found.data == data:
                        return
                    # 409 means that another write was under way, not that it won; botocore does not repeat it.
                    if _status(error) != 409 or attempt == _TRIES - 1:
                        raise Conflict(key) from None
            self._world.sleep(self._world.random.uniform(0.05, 0.8))

    @contextmanager
    def _explained(self, key: str) -> Iterator[None]:
        try:
            yield
        except ClientError as error:
            words = error.response.get("Error", {}).get("Message", "")
            raise LakeUnavailable(
                f"{self.locate(key)}: S3 refused with {_code(error)}: {words}", advice=_ADVICE.get(_code(error))
            ) from None
        except BotoCoreError as error:
            raise LakeUnavailable(
                f"{self.locate(key)}: {error}",
                advice="Check the AWS credentials, AWS_REGION and the network: `aws sts get-caller-identity`.",
            ) from None


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _status(error: ClientError) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
