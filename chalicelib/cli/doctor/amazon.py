"""What a lake in S3 stands on: the AWS identity, the clock, the bucket, the parameter with the credentials."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from .check import Check, clock

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

_DENIED = ("AccessDenied", "AccessDeniedException", "403")
_EVERYBODY = ("/global/AllUsers", "/global/AuthenticatedUsers")
_BLOCK = (
    "aws s3api put-public-access-block --bucket {bucket} --public-access-block-configuration "
    "BlockPublicAcls=true,IgnorePublicAcls=true,BlockPublicPolicy=true,RestrictPublicBuckets=true"
)


class _MayNotLook(Exception):
    """The AWS identity lacks the permission for this action, of which no run has need."""


def identity(now: datetime) -> Iterator[Check]:
    """Who AWS takes this person for, and how far its clock is from this machine's."""
    try:
        sts = boto3.client("sts")
        who = sts.get_caller_identity()
        answer: Mapping[str, Any] = who["ResponseMetadata"]
        words = f"Account {who['Account']}, as {who['Arn'].rpartition(':')[2]}, in {sts.meta.region_name}."
        yield Check("aws", "good", words)
    except (BotoCoreError, ClientError) as error:
        answer = error.response.get("ResponseMetadata", {}) if isinstance(error, ClientError) else {}
        advice = "Run `aws sso login`, or set AWS_PROFILE, and AWS_REGION."
        yield Check("aws", "bad", f"AWS does not say who you are: {_code(error)}", advice)
    # Of a refused request too: a wrong clock is one of the reasons.
    found = clock(now, answer.get("HTTPHeaders", {}).get("date"), "AWS")
    if found:
        yield found


def bucket(address: str) -> Iterator[Check]:
    """Whether strangers are kept out of the bucket and whether it forgets. What may not be looked at is a warning."""
    s3, name = boto3.client("s3"), urlsplit(address).netloc
    for title, look in (("private", _private), ("encrypted", _encrypted), ("versioned", _versioned)):
        try:
            yield look(s3, name)
        except _MayNotLook as error:
            advice = f"Allow {error} to have it looked at; runs have no need of it."
            yield Check(title, "warning", f"This AWS identity may not look: it lacks {error}.", advice)
        except (BotoCoreError, ClientError) as error:
            yield Check(title, "warning", f"S3 does not tell: {_code(error)}.", "Look at the bucket's properties.")


def parameter(name: str) -> Check:
    """How the parameter is kept, once it was read."""
    try:
        # Of a SecureString this gives no readable value.
        kind = boto3.client("ssm").get_parameter(Name=name, WithDecryption=False)["Parameter"]["Type"]
    except (BotoCoreError, ClientError) as error:
        return Check("parameter", "warning", f"AWS does not tell how {name} is kept: {_code(error)}.")
    if kind == "SecureString":
        return Check("parameter", "good", f"{name} is encrypted and can be read.")
    advice = "Delete it and store it anew with --type SecureString; then change the app's secret."
    return Check("parameter", "warning", f"{name} can be read, but it is a {kind}: not encrypted.", advice)


def _private(s3: S3Client, name: str) -> Check:
    blocked = _answer(
        lambda: s3.get_public_access_block(Bucket=name), "s3:GetBucketPublicAccessBlock", "NoSuchPublicAccessBlock"
    )
    settings = (blocked or {}).get("PublicAccessBlockConfiguration", {})
    if len(settings) == 4 and all(settings.values()):
        return Check("private", "good", "Block Public Access is on, all of it.")
    advice = _BLOCK.format(bucket=name)
    if not settings.get("RestrictPublicBuckets") and _policy_is_public(s3, name):
        return Check("private", "bad", "The bucket's policy lets everybody in.", advice)
    if not settings.get("IgnorePublicAcls") and _access_list_is_public(s3, name):
        return Check("private", "bad", "The bucket's access list lets everybody in.", advice)
    return Check("private", "warning", "The bucket is not public, but nothing keeps it from becoming so.", advice)


def _policy_is_public(s3: S3Client, name: str) -> bool:
    found = _answer(lambda: s3.get_bucket_policy_status(Bucket=name), "s3:GetBucketPolicyStatus", "NoSuchBucketPolicy")
    return bool((found or {}).get("PolicyStatus", {}).get("IsPublic"))


def _access_list_is_public(s3: S3Client, name: str) -> bool:
    found = _answer(lambda: s3.get_bucket_acl(Bucket=name), "s3:GetBucketAcl") or {}
    return any(str(one["Grantee"].get("URI")).endswith(_EVERYBODY) for one in found.get("Grants", []))


def _encrypted(s3: S3Client, name: str) -> Check:
    found = _answer(
        lambda: s3.get_bucket_encryption(Bucket=name),
        "s3:GetEncryptionConfiguration",
        "ServerSideEncryptionConfigurationNotFoundError",
    )
    if found is None:
        advice = f"Choose “Default encryption” in the properties of {name}."
        return Check("encrypted", "warning", "The bucket has no encryption of its own.", advice)
    rules = found["ServerSideEncryptionConfiguration"]["Rules"]
    kinds = {one["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] for one in rules}
    return Check("encrypted", "good", f"By {', '.join(sorted(kinds))}.")


def _versioned(s3: S3Client, name: str) -> Check:
    found = _answer(lambda: s3.get_bucket_versioning(Bucket=name), "s3:GetBucketVersioning")
    if (found or {}).get("Status") == "Enabled":
        return Check("versioned", "good", "What is written over or deleted can be brought back.")
    advice = f"aws s3api put-bucket-versioning --bucket {name} --versioning-configuration Status=Enabled"
    return Check("versioned", "warning", "What is written over or deleted by mistake is gone.", advice)


def _answer(call: Callable[[], Mapping[str, Any]], action: str, absent: str = " ") -> Mapping[str, Any] | None:
    """What S3 says; None where it says that there is none (`absent` begins the code). Raises `_MayNotLook`."""
    try:
        return call()
    except ClientError as error:
        if _code(error).startswith(absent):
            return None
        if _code(error) in _DENIED:
            raise _MayNotLook(action) from None
        raise


def _code(error: Exception) -> str:
    return str(error.response.get("Error", {}).get("Code", "")) if isinstance(error, ClientError) else str(error)
