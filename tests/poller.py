"""What Lambda's event source mapping does for a queue: it takes messages out, starts functions, deletes what is done.

https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

from tests.lambda_runtime import Function

BATCH = 10
_PAUSE = 0.1


def event_of(messages: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The event of a batch, from messages as SQS gives them."""
    return {
        "Records": [
            {
                "messageId": one["MessageId"],
                "receiptHandle": one["ReceiptHandle"],
                "body": one["Body"],
                "attributes": one["Attributes"],
                "messageAttributes": {},
                "md5OfBody": one["MD5OfBody"],
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:chartlake-prod-lists",
                "awsRegion": "eu-west-1",
            }
            for one in messages
        ]
    }


class Poller:
    """One queue in front of as many functions as may run at the same time, each of them a process of its own."""

    def __init__(self, sqs: Any, url: str, functions: Sequence[Function], seconds: float = 45) -> None:
        self._sqs, self._url, self._functions, self._seconds = sqs, url, functions, seconds
        # moto makes its list of messages anew for each one that is deleted: of two at once one would come back.
        self._one_at_a_time = threading.Lock()
        self.batches = 0
        self.errors: list[dict[str, Any]] = []

    def run(self, until: Callable[[], bool]) -> None:
        """Work until that holds; asked whenever the queue gives nothing."""
        threads = [threading.Thread(target=self._serve, args=(one, until)) for one in self._functions]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def waits(self) -> int:
        """Messages that can be had now, or are with a function; not those that are held back."""
        names = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
        found = self._sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=names)["Attributes"]
        return sum(int(found[name]) for name in names)

    def _serve(self, function: Function, until: Callable[[], bool]) -> None:
        while True:
            with self._one_at_a_time:
                found = self._sqs.receive_message(
                    QueueUrl=self._url, MaxNumberOfMessages=BATCH, AttributeNames=["All"], WaitTimeSeconds=0
                )
            if messages := found.get("Messages"):
                self._deliver(function, messages)
            elif until():
                return
            else:
                threading.Event().wait(_PAUSE)

    def _deliver(self, function: Function, messages: Sequence[dict[str, Any]]) -> None:
        done = function.invoke(event_of(messages), self._seconds)
        self.batches += 1
        if done.error is not None:
            # All of them come back when their visibility ends.
            self.errors.append(done.error)
            return
        kept = {one["itemIdentifier"] for one in done.answer["batchItemFailures"]}
        gone = [
            {"Id": str(number), "ReceiptHandle": one["ReceiptHandle"]}
            for number, one in enumerate(messages)
            if one["MessageId"] not in kept
        ]
        if not gone:
            return
        with self._one_at_a_time:
            self._sqs.delete_message_batch(QueueUrl=self._url, Entries=gone)
