"""A deployment whose lists are spread over workers, at a size that a test chooses: the shipped bundle under AWS's own
runtime client, moto's SQS, S3, SSM and Scheduler, each function under its own policies, and a simulated Spotify."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from deploy import package
from simulator import EXTENDED, Fault, Simulator
from simulator.accounts import LISTENER
from simulator.hashing import base62
from simulator.playlists import Playlist
from tests.aws import SCHEDULED, Aws
from tests.lambda_runtime import Function, running
from tests.poller import Poller

STACK, BUCKET, SECRET = "chartlake-prod", "charts", "/chartlake/prod/spotify"
_LAKE = f"s3://{BUCKET}/chartlake"
_ACCOUNT = "arn:aws:{}:eu-west-1:123456789012"
# What the template puts in place of its intrinsic functions.
_MEANT = {
    '{"Fn::GetAtt": ["ListQueue", "Arn"]}': f'"{_ACCOUNT.format("sqs")}:{STACK}-lists"',
    '{"Fn::GetAtt": ["DeadLetters", "Arn"]}': f'"{_ACCOUNT.format("sqs")}:dead"',
    '{"Fn::GetAtt": ["StartAgainRole", "Arn"]}': '"arn:aws:iam::123456789012:role/again"',
    '{"Fn::GetAtt": ["Lake", "Arn"]}': f'"arn:aws:s3:::{BUCKET}"',
    '{"Ref": "AWS::AccountId"}': '"123456789012"',
    '{"Ref": "Mail"}': f'"{_ACCOUNT.format("sns")}:{STACK}-mail"',
    '{"Fn::GetAtt": ["Bus", "Arn"]}': f'"{_ACCOUNT.format("events")}:event-bus/{STACK}"',
    "${Lake.Arn}": f"arn:aws:s3:::{BUCKET}",
    "${AWS::Partition}": "aws",
    "${AWS::Region}": "eu-west-1",
    "${AWS::AccountId}": "123456789012",
    "${AWS::StackName}": STACK,
    "${SecretName}": SECRET,
}


@dataclass(frozen=True)
class Sample:
    """Requests to Spotify up to a moment, the memory of each worker in MB, and the seconds that all took of a core."""

    asked: int
    memory: list[float]
    work: float


@dataclass
class Spread:
    """What a test asks and looks at."""

    aws: Aws
    simulator: Simulator
    lists: list[str]
    daily: Function
    workers: list[Function]
    poller: Poller
    url: str
    samples: list[Sample] = field(default_factory=list)

    def start(self, event: dict[str, Any] = SCHEDULED) -> str:
        """The scheduled job; gives the id of its run."""
        done = self.daily.invoke(event, 900)
        assert done.error is None, done.error
        run_id: str = done.answer["run_id"]
        return run_id

    def drain(self) -> None:
        """Let the workers take all that is in the queue."""
        self.poller.run(lambda: not self.poller.waits())

    def close(self, run_id: str) -> dict[str, Any]:
        """Deliver the message that closes a run before its time (the one that is held back then finds it closed); gives
        what the run tells."""
        sqs = self.aws.client("sqs")
        sqs.send_message(QueueUrl=self.url, MessageBody=json.dumps({"run": run_id}))
        self.drain()
        return self.run(run_id)

    def run(self, run_id: str) -> dict[str, Any]:
        """A run as it stands in the lake."""
        found: dict[str, Any] = json.loads(self.object(f"state/runs/{run_id}.json"))
        return found

    def object(self, key: str) -> bytes:
        data: bytes = self.aws.client("s3").get_object(Bucket=BUCKET, Key=f"chartlake/{key}")["Body"].read()
        return data

    def keys(self, prefix: str) -> list[str]:
        pages = (
            self.aws.client("s3").get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=f"chartlake/{prefix}")
        )
        return [one["Key"] for page in pages for one in page.get("Contents", [])]

    def schedule_again(self) -> dict[str, Any] | None:
        """Scheduler's one entry."""
        scheduler = self.aws.client("scheduler")
        entries = scheduler.list_schedules()["Schedules"]
        assert len(entries) <= 1
        found: dict[str, Any] | None = scheduler.get_schedule(Name=entries[0]["Name"]) if entries else None
        return found

    def asked(self) -> int:
        """Requests to Spotify's Web API."""
        return sum(one.path.startswith("/v1/") for one in self.simulator.requests)

    def measure(self) -> None:
        """Note what the workers have in memory and have done."""
        work = sum(one.seconds_of_work() for one in self.workers)
        self.samples.append(Sample(self.asked(), [one.memory() for one in self.workers], work))


def break_some(spread: Spread, share: float) -> int:
    """Let Spotify fail once for so many of the lists, evenly spread; gives how many."""
    broken = spread.lists[:: round(1 / share)]
    for playlist_id in broken:
        spread.simulator.faults.add(Fault.bad_gateway(playlist=playlist_id))
    return len(broken)


@contextmanager
def spread_over(
    workers: int,
    lists: int,
    task: Path,
    runtime: Path,
    folder: Path,
    aws: Aws,
    entries: str = "fifty",
    *,
    latency: float = 0.0,
    rate: float = 1000.0,
    seconds: float = 45.0,
) -> Iterator[Spread]:
    """So many workers before a queue of so many lists, in an account that is empty. `latency` is that of Spotify in
    seconds, `rate` the pace of each worker (the simulator counts no rolling 30 seconds), `seconds` a batch's time."""
    simulator = Simulator(latency=latency)
    ids = followed(simulator, lists, entries)
    url = make_account(aws, ids)
    with ExitStack() as stack:
        server = stack.enter_context(simulator.serve())
        spotify = {"SPOTIFY_API_URL": server.api_url, "SPOTIFY_ACCOUNTS_URL": server.accounts_url}
        variables = aws.variables | spotify | {
            "CHARTLAKE_LAKE": _LAKE,
            "CHARTLAKE_SECRET": SECRET,
            "CHARTLAKE_QUEUE": f"{STACK}-lists",
            "CHARTLAKE_PARTIAL_BATCHES": "yes",
            "CHARTLAKE_METRICS": STACK,
            "CHARTLAKE_DAILY": f"{_ACCOUNT.format('lambda')}:function:{STACK}-daily",
            "CHARTLAKE_SCHEDULER_ROLE": "arn:aws:iam::123456789012:role/again",
            "CHARTLAKE_RATE": f"{rate:g}",
        }  # fmt: skip

        def function(name: str, handler: str, keys: dict[str, str], number: int = 0) -> Function:
            own = {"AWS_LAMBDA_FUNCTION_NAME": f"{STACK}-{name}"}
            log = folder / f"{name}-{number}.log"
            return stack.enter_context(running(task, runtime, f"app.{handler}", variables | keys | own, log))

        daily = function("daily", "daily", keys_of(aws, "daily"))
        taking = keys_of(aws, "lists")
        working = [function("lists", "take_lists", taking, number) for number in range(workers)]
        sqs = aws.client("sqs")
        yield Spread(aws, simulator, ids, daily, working, Poller(sqs, url, working, seconds), url)


def followed(simulator: Simulator, count: int, entries: str) -> list[str]:
    """So many more lists in Spotify, each with the entries of that one."""
    content = simulator.playlist_names[entries].state(datetime.now(UTC)).entries
    ids = [base62("one of many", number) for number in range(count)]
    for number, playlist_id in enumerate(ids):
        simulator.add(Playlist(playlist_id, f"List {number}", LISTENER, lambda day: content))
    return ids


def make_account(aws: Aws, ids: list[str]) -> str:
    """The bucket, the queues and the credentials; gives the queue's address."""
    aws.forget()
    s3, sqs = aws.client("s3"), aws.client("sqs")
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3.put_object(Bucket=BUCKET, Key="chartlake/config/playlists.txt", Body="\n".join(ids).encode())
    secret = json.dumps({"client_id": EXTENDED.client_id, "client_secret": EXTENDED.client_secret})
    aws.client("ssm").put_parameter(Name=SECRET, Type="SecureString", Value=secret)
    sqs.create_queue(QueueName="dead")
    resource = json.loads((package.ROOT / ".chalice" / "queue.json").read_text())["Resources"]["ListQueue"]
    redrive = {"deadLetterTargetArn": f"{_ACCOUNT.format('sqs')}:dead"}
    redrive |= {"maxReceiveCount": resource["Properties"]["RedrivePolicy"]["maxReceiveCount"]}
    attributes = {"VisibilityTimeout": str(resource["Properties"]["VisibilityTimeout"])}
    attributes |= {"RedrivePolicy": json.dumps(redrive)}
    url: str = sqs.create_queue(QueueName=f"{STACK}-lists", Attributes=attributes)["QueueUrl"]
    return url


def keys_of(aws: Aws, function: str) -> dict[str, str]:
    """The keys of a role with exactly the policies that the stack gives to `function`."""
    texts = [(package.ROOT / ".chalice" / f"policy-{function}-prod.json").read_text()]
    queue = json.loads((package.ROOT / ".chalice" / "queue.json").read_text())["Resources"]
    if function == "daily":
        texts.append(json.dumps(queue["DailyFillsTheQueue"]["Properties"]["PolicyDocument"]))
    iam = aws.client("iam")
    role = iam.create_role(RoleName=function, AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    for number, text in enumerate(texts):
        plain = re.sub(r"\s+", " ", json.dumps(json.loads(text)))
        for intrinsic, value in _MEANT.items():
            plain = plain.replace(intrinsic, value)
        plain = re.sub(r'\{"Fn::Sub": ("[^"]*")\}', r"\1", plain)
        assert "Fn::" not in plain, plain
        assert '"Ref"' not in plain, plain
        assert "${" not in plain, plain
        iam.put_role_policy(RoleName=function, PolicyName=f"{function}-{number}", PolicyDocument=plain)
    return aws.keys_of(role)
