"""The queue that lists wait in: one message a list, and one at the end that closes the run.

SQS delivers a message at least once, and again when its visibility ends; after five deliveries it is a dead letter.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-visibility-timeout.html
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from ..errors import QueueUnavailable
from ..time_and_chance import World

# Deliveries of a message; `maxReceiveCount` in .chalice/queue.json.
DELIVERIES = 5
# The most seconds that a new message can be held back.
LONGEST_DELAY = 900
_A_CALL = 10
_AT_ONCE = 8
_TRIES = 5


@dataclass(frozen=True)
class Message:
    """A message as it was delivered: for the `deliveries`-th time. Without a playlist it is the one that closes its
    run."""

    id: str
    receipt: str
    deliveries: int
    run_id: str
    playlist_id: str | None

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Message:
        """One of an event's `Records`."""
        body = json.loads(record["body"])
        deliveries = int(record["attributes"]["ApproximateReceiveCount"])
        return cls(record["messageId"], record["receiptHandle"], deliveries, body["run"], body.get("playlist"))

    @property
    def body(self) -> dict[str, str]:
        return body_of(self.run_id, self.playlist_id)


def body_of(run_id: str, playlist_id: str | None = None) -> dict[str, str]:
    """What a message says."""
    return {"run": run_id} | ({"playlist": playlist_id} if playlist_id else {})


class Queue:
    """One queue by its name. All methods raise `QueueUnavailable`."""

    def __init__(self, name: str, world: World) -> None:
        self._world = world
        self._sqs = boto3.client("sqs", config=Config(max_pool_connections=_AT_ONCE))
        try:
            self._url = self._sqs.get_queue_url(QueueName=name)["QueueUrl"]
        except (BotoCoreError, ClientError) as error:
            raise QueueUnavailable(f"The queue {name} cannot be found: {error}") from None

    def send(self, bodies: Iterable[Mapping[str, str]], delay: float = 0) -> None:
        """Send these; nobody gets them before `delay` seconds are over."""
        seconds = min(LONGEST_DELAY, math.ceil(delay))
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            list(pool.map(lambda some: self._send(some, seconds), _tens(bodies)))

    def put_off(self, message: Message, seconds: float) -> bool:
        """Let a list be delivered again after `seconds`; gives whether this very message is needed for that.

        A message that could become a dead letter by it is done, and a new one takes its place: to wait is no failure.
        """
        if message.deliveries >= DELIVERIES:
            self.send([message.body], seconds)
            return False
        try:
            self._sqs.change_message_visibility(
                QueueUrl=self._url, ReceiptHandle=message.receipt, VisibilityTimeout=math.ceil(seconds)
            )
        except (BotoCoreError, ClientError) as error:
            raise QueueUnavailable(f"A message cannot be put off: {error}") from None
        return True

    def _send(self, bodies: Sequence[Mapping[str, str]], delay: int) -> None:
        left = {str(number): json.dumps(body) for number, body in enumerate(bodies)}
        trouble = ""
        for attempt in range(_TRIES):
            if attempt:
                self._world.sleep(self._world.random.uniform(0.5, 1) * 2**attempt)
            entries: Any = [{"Id": id, "MessageBody": body, "DelaySeconds": delay} for id, body in left.items()]
            try:
                refused = self._sqs.send_message_batch(QueueUrl=self._url, Entries=entries).get("Failed", [])
            except (BotoCoreError, ClientError) as error:
                raise QueueUnavailable(f"Lists cannot be put into the queue: {error}") from None
            left = {one["Id"]: left[one["Id"]] for one in refused}
            if not left:
                return
            trouble = refused[0].get("Message", refused[0]["Code"])
        raise QueueUnavailable(f"{len(left)} lists were not taken by the queue: {trouble}")


def _tens(bodies: Iterable[Mapping[str, str]]) -> Iterator[Sequence[Mapping[str, str]]]:
    source = iter(bodies)
    while some := list(islice(source, _A_CALL)):
        yield some
