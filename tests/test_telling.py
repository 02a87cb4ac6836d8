"""Telling: feeds that a parser reads, webhooks that a server receives, mail, a bus; and what was told is told once."""

from __future__ import annotations

import json
import random
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import boto3
import feedparser
import pytest

from chalicelib.analysis.events import Event
from chalicelib.analysis.views import EVENT_KINDS
from chalicelib.errors import BadSetting, ChannelFailed, LakeUnavailable
from chalicelib.handlers import amazon_channels, telling, webhooks
from chalicelib.handlers.amazon_channels import MailDoubtful, digest
from chalicelib.handlers.telling import Account, name_of, tell_all
from chalicelib.handlers.webhooks import Webhook, addresses, is_genuine, signature
from chalicelib.lake import keys
from chalicelib.lake.lake import Lake
from chalicelib.lake.store import DryRun, ObjectStore
from chalicelib.report.event_words import sentence
from chalicelib.report.feeds import add_to_feed
from chalicelib.settings import Settings

from .channels import LIST, SECRET, TODAY, Receiver, an_event, atom_faults, receiver
from .conftest import Clock, Killed

SETTINGS = Settings(webhook_secret=SECRET, topic="arn:aws:sns:eu-west-1:123456789012:mail", bus="lists")
HOSTILE = "<script>&amp;]]> <!channel> @everyone **x** \x1b[31m"


@pytest.fixture
def happened(monkeypatch: pytest.MonkeyPatch) -> list[Event]:
    """What the lake's view tells of: a test puts in what it wants."""
    events: list[Event] = []

    def read_events(lake: Lake, *, since: Any, until: Any = TODAY.max, today: Any) -> Iterator[Event]:
        return (one for one in sorted(events, key=lambda e: e.snapshot_date) if since <= one.snapshot_date <= until)

    monkeypatch.setattr(telling, "read_events", read_events)
    return events


@pytest.fixture
def server(clock: Clock) -> Iterator[Receiver]:
    with receiver(clock.now) as found:
        yield found


def watching(lake: Lake, *lines: str) -> None:
    lake.store.create(keys.WATCH, "\n".join(lines).encode())


def told(lake: Lake, clock: Clock, **settings: Any) -> list[Account]:
    return tell_all(replace(SETTINGS, **settings), lake, clock.world())


def of_kind(accounts: list[Account], kind: str) -> Account:
    return next(one for one in accounts if one.channel.kind == kind)


def feed(lake: Lake, key: str = keys.ALL_FEED) -> Any:
    found = lake.store.get(key)
    assert found
    assert atom_faults(found.data) == []
    parsed = feedparser.parse(found.data)
    assert not parsed.bozo
    return parsed


# Off until asked for.


def test_nobody_is_told_without_being_asked_for(lake: Lake, clock: Clock, happened: list[Event]) -> None:
    happened.append(an_event())
    assert told(lake, clock) == []
    watching(lake, "all")
    assert told(lake, clock) == []
    assert list(lake.store.list("")) == [keys.WATCH]


def test_what_is_no_news_and_what_was_before_is_told_to_nobody(
    lake: Lake, clock: Clock, happened: list[Event], server: Receiver
) -> None:
    happened += [an_event(1, is_news=False), an_event(2, snapshot_date=TODAY - timedelta(days=2)), an_event(3)]
    watching(lake, "all", "tell feeds", f"tell webhook {server.url} private")
    told(lake, clock)
    assert server.ids == [an_event(3).event_id]
    assert len(feed(lake).entries) == 1


# Feeds.


def test_a_feed_is_atom_with_stable_ids_full_text_and_links(lake: Lake, clock: Clock, happened: list[Event]) -> None:
    happened += [an_event(1), an_event(2, playlist_id="chart:regional-de-daily", playlist_name=None)]
    watching(lake, "track GBAYE6800001", "tell feeds")
    told(lake, clock)
    found = feed(lake)
    assert found.version == "atom10"
    assert found.feed.id.startswith("tag:chartlake,2026:feed/")
    assert found.feed.author == "chartlake"
    assert found.feed.updated == "2026-11-23T12:00:00Z"
    entries = {entry.id: entry for entry in found.entries}
    one = entries[f"tag:chartlake,2026:event/{an_event(1).event_id}"]
    assert one.title == sentence(an_event(1))
    assert one.link == f"https://open.spotify.com/track/{1:022d}"
    assert one.updated == one.published == "2026-11-23T12:00:00Z"
    assert f'<a href="https://open.spotify.com/playlist/{LIST}">' in one.content[0].value
    assert [entry.id for entry in feed(lake, keys.WATCHED_FEED).entries] == [one.id]
    assert [entry.id for entry in feed(lake, keys.list_feed(LIST)).entries] == [one.id]
    assert len({feed(lake, key).feed.id for key in lake.store.list(keys.FEEDS)}) == 4


def test_a_feed_grows_at_its_top_and_ends_at_two_hundred(lake: Lake, clock: Clock, happened: list[Event]) -> None:
    watching(lake, "tell feeds")
    happened += [an_event(number) for number in range(150)]
    told(lake, clock)
    first = lake.store.get(keys.ALL_FEED)
    told(lake, clock)
    assert lake.store.get(keys.ALL_FEED) == first
    clock.advance(days=1)
    happened += [an_event(number, snapshot_date=TODAY + timedelta(days=1)) for number in range(100)]
    told(lake, clock)
    found = [entry.updated[:10] for entry in feed(lake).entries]
    assert found == ["2026-11-24"] * 100 + ["2026-11-23"] * 100


def test_hostile_names_are_text_in_every_form(lake: Lake, clock: Clock, happened: list[Event]) -> None:
    happened.append(an_event(name=HOSTILE, artist_names=HOSTILE, playlist_name=HOSTILE))
    watching(lake, "tell feeds")
    told(lake, clock)
    (entry,) = feed(lake).entries
    assert "<script>" not in entry.content[0].value
    assert entry.title_detail.type == "text/plain"
    assert "\x1b" not in lake.store.get(keys.ALL_FEED).data.decode()  # type: ignore[union-attr]
    _, slack = webhooks._slack(happened)
    assert "<!channel>" not in json.loads(slack)["text"]
    _, discord = webhooks._discord(happened)
    assert json.loads(discord)["allowed_mentions"] == {"parse": []}
    assert "**x**" not in json.loads(discord)["content"]
    assert "\x1b" not in digest(happened, [], TODAY)[1]


def test_a_feed_of_every_kind_of_event_is_of_atoms_schema(lake: Lake, clock: Clock, happened: list[Event]) -> None:
    for number, kind in enumerate(EVENT_KINDS):
        names = dict.fromkeys(
            ("name", "artist_names", "playlist_name", "was", "became"), HOSTILE if number % 2 else None
        )
        place = {"position": 3, "previous_position": 5, "number": 7}
        happened.append(
            an_event(number, kind=kind, uri=None if number % 3 else f"spotify:local:{HOSTILE}", **place | names)
        )
    watching(lake, "all", "tell feeds")
    told(lake, clock)
    assert all(feed(lake, key).entries for key in lake.store.list(keys.FEEDS))


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("<name>chartlake</name>", ""),
        ("Z</updated>", "</updated>"),
        ("<published>", "<published>x"),
        (' term="entered"', ""),
        ('type="text/html"', 'type="html"'),
        ('type="html"', 'type="xhtml"'),
        ("<generator>", "<id>tag:another</id><generator>"),
        ("</feed>", "<icon>/x.png</icon></feed>"),
    ],
)
def test_a_broken_feed_is_not_of_atoms_schema(clock: Clock, right: str, wrong: str) -> None:
    whole = add_to_feed(None, "x", "X", [an_event()], clock.now()).decode()
    assert atom_faults(whole.encode()) == []
    assert atom_faults(whole.replace(right, wrong, 1).encode())


def test_a_damaged_feed_stops_no_other_channel(
    lake: Lake, clock: Clock, happened: list[Event], server: Receiver
) -> None:
    happened.append(an_event())
    watching(lake, "all", "tell feeds", f"tell webhook {server.url} private")
    lake.store.create(keys.ALL_FEED, b"<feed>")
    accounts = told(lake, clock)
    assert "is not XML" in of_kind(accounts, "feeds").error.message  # type: ignore[union-attr]
    assert len(server.ids) == 1
    lake.store.delete(keys.ALL_FEED)
    told(lake, clock)
    assert len(feed(lake).entries) == 1


def test_feeds_of_two_writers_at_once_have_both(clock: Clock) -> None:
    one = add_to_feed(None, "x", "X", [an_event(1)], clock.now())
    both = add_to_feed(one, "x", "X", [an_event(1), an_event(2)], clock.now())
    assert [entry.id[-32:] for entry in feedparser.parse(both).entries] == [an_event(n).event_id for n in (2, 1)]


# Webhooks.


def test_a_webhook_is_signed_and_told_once(lake: Lake, clock: Clock, happened: list[Event], server: Receiver) -> None:
    happened += [an_event(number) for number in range(120)]
    watching(lake, "artist Anna", f"tell webhook {server.url} private")
    assert told(lake, clock)[0].told == 120
    assert [len(body["events"]) for body in server.taken] == [50, 50, 20]
    assert told(lake, clock)[0].told == 0
    first = server.taken[0]["events"][0]
    assert (first["text"], first["snapshot_date"]) == (sentence(an_event(0)), "2026-11-23")
    assert first["url"] == f"https://open.spotify.com/track/{0:022d}"
    assert sorted(server.ids) == sorted(event.event_id for event in happened)


def test_a_forged_an_old_and_a_changed_webhook_are_refused(
    lake: Lake, clock: Clock, happened: list[Event], server: Receiver
) -> None:
    moment, body = int(clock.now().timestamp()), b'{"events":[]}'
    header = signature(SECRET, moment, body)
    assert is_genuine(SECRET, header, body, moment + 299)
    assert not is_genuine(SECRET, header, body, moment + 301)
    assert not is_genuine(SECRET, header, body + b" ", moment)
    assert not is_genuine("another", header, body, moment)
    assert not is_genuine(SECRET, header.replace("t=", "t=1"), body, moment)
    assert not is_genuine(SECRET, "", body, moment)
    happened.append(an_event())
    watching(lake, "all", f"tell webhook {server.url} private")
    (account,) = told(lake, clock, webhook_secret="a guess")
    assert "127.0.0.1 answered 401" in account.error.message  # type: ignore[union-attr]
    assert (server.taken, server.asked, len(account.left)) == ([], 1, 1)
    assert told(lake, clock)[0].told == 1


def test_passing_trouble_is_waited_for(lake: Lake, clock: Clock, happened: list[Event], server: Receiver) -> None:
    happened.append(an_event())
    watching(lake, "all", f"tell webhook {server.url} private")
    server.answers = [(503, {}), (429, {"Retry-After": "9"}), (500, {})]
    (account,) = told(lake, clock)
    assert (account.told, server.asked) == (1, 4)
    assert clock.slept[1] == 9
    assert 1 <= clock.slept[0] <= 2


@pytest.mark.parametrize("retry_after", ["31", "86400", "0"])
def test_no_more_is_tried_than_it_is_worth(
    lake: Lake, clock: Clock, happened: list[Event], server: Receiver, retry_after: str
) -> None:
    happened.append(an_event())
    watching(lake, "all", f"tell webhook {server.url} private")
    server.answers = [(503, {"Retry-After": retry_after})] * 9
    (account,) = told(lake, clock)
    assert account.error
    assert server.asked == (4 if retry_after == "0" else 1)
    server.answers = []
    assert told(lake, clock)[0].told == 1


def test_no_waiting_past_the_end_of_the_run(lake: Lake, clock: Clock, happened: list[Event], server: Receiver) -> None:
    happened.append(an_event())
    watching(lake, "all", f"tell webhook {server.url} private")
    server.answers = [(503, {})] * 9
    (account,) = tell_all(SETTINGS, lake, clock.world(seconds_left=15))
    assert (server.asked, clock.slept, len(account.left)) == (1, [], 1)
    assert tell_all(SETTINGS, lake, clock.world(seconds_left=4))[0].left == happened
    assert server.asked == 1


def test_no_redirect_is_followed(lake: Lake, clock: Clock, happened: list[Event], server: Receiver) -> None:
    happened.append(an_event())
    watching(lake, "all", f"tell webhook {server.url} private")
    server.answers = [(status, {"Location": server.url}) for status in (301, 307)]
    (account,) = told(lake, clock)
    assert "no redirect is followed" in account.error.message  # type: ignore[union-attr]
    assert server.asked == 1


def test_one_that_does_not_answer_is_left_for_later(
    lake: Lake, clock: Clock, happened: list[Event], server: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "_PATIENCE", 0.05)
    happened.append(an_event())
    watching(lake, "all", f"tell webhook {server.url} private")
    server.answers = [60.0] * 4
    (account,) = told(lake, clock)
    assert "could not be told: TimeoutError" in account.error.message  # type: ignore[union-attr]
    assert server.asked == 4


@pytest.mark.parametrize(
    ("host", "private", "refused"),
    [
        ("127.0.0.1", False, True),
        ("127.0.0.1", True, False),
        ("10.1.2.3", False, True),
        ("10.1.2.3", True, False),
        ("::ffff:10.1.2.3", False, True),
        ("fd00::1", False, True),
        ("169.254.169.254", True, True),
        ("fe80::1", True, True),
        ("0.0.0.0", True, True),
        ("224.0.0.1", True, True),
        ("100.64.0.1", False, True),
        ("93.184.216.34", False, False),
    ],
)
def test_no_private_address_is_told_unless_it_is_named(host: str, private: bool, refused: bool) -> None:
    if not refused:
        assert addresses(host, 443, private) == [host]
        return
    with pytest.raises(BadSetting, match="no public address"):
        addresses(host, 443, private)


def test_a_name_of_which_one_address_is_private_is_not_told(
    lake: Lake, clock: Clock, happened: list[Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [(2, 1, 6, "", (address, 443)) for address in ("93.184.216.34", "10.0.0.1")]
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: found)
    happened.append(an_event())
    watching(lake, "all", "tell webhook https://example.org/hook")
    (account,) = told(lake, clock)
    assert "example.org is 10.0.0.1" in account.error.message  # type: ignore[union-attr]


def test_a_dead_webhook_is_an_alarm_after_a_day_and_forgets_nothing(
    lake: Lake, clock: Clock, happened: list[Event], server: Receiver
) -> None:
    watching(lake, "all", f"tell webhook {server.url} private")
    for day in range(40):
        happened.append(an_event(day, snapshot_date=clock.now().date()))
        server.answers = [(404, {})]
        (account,) = told(lake, clock)
        assert account.dead is (day > 0)
        clock.advance(days=1)
    assert server.taken == []
    (account,) = told(lake, clock)
    assert not account.dead
    assert server.ids == [event.event_id for event in happened]
    clock.advance(days=1)
    told(lake, clock)
    state = lake.read_state(keys.told(name_of(account.channel)))
    assert len(state["told"]) < 9
    assert "failing_since" not in state


def test_slack_and_discord_get_their_own_form(clock: Clock) -> None:
    events = [an_event(number) for number in range(200)]
    for form, word, most in (("slack", "text", 3500), ("discord", "content", 2000)):
        with receiver(clock.now, secret="") as server:
            left = list(events)
            while left:
                left = left[Webhook(server.url, form, "", True, clock.world()).tell(left) :]
            texts = [body[word] for body in server.taken]
        assert max(map(len, texts)) <= most
        assert len(texts) < 30
        assert sum(text.count("entered Top 50") for text in texts) == 200


# Mail and the bus, as AWS has them.


@pytest.fixture
def account(aws: str) -> tuple[Settings, Callable[[], list[dict[str, Any]]]]:
    """An account with a topic and a bus; and what arrived from either."""
    sns, sqs, events = (boto3.client(service) for service in ("sns", "sqs", "events"))
    bus = uuid.uuid4().hex
    topic, url = sns.create_topic(Name=bus)["TopicArn"], sqs.create_queue(QueueName=bus)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    events.create_event_bus(Name=bus)
    events.put_rule(Name="all", EventBusName=bus, EventPattern=json.dumps({"source": ["chartlake"]}))
    events.put_targets(Rule="all", EventBusName=bus, Targets=[{"Id": "inbox", "Arn": arn}])

    def arrived() -> list[dict[str, Any]]:
        found = []
        while batch := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for message in batch:
                found.append(json.loads(message["Body"]))
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return found

    return Settings(topic=topic, bus=bus), arrived


def test_a_digest_is_a_mail_a_day_with_what_matters_first(
    lake: Lake, clock: Clock, happened: list[Event], account: Any
) -> None:
    settings, arrived = account
    watching(lake, "all", "tell mail")
    happened += [an_event(1, kind="left", previous_position=4), an_event(2), an_event(3, kind="number_one")]
    tell_all(settings, lake, clock.world())
    (mail,) = arrived()
    assert mail["Subject"] == "chartlake: 3 events, 23 November 2026"
    lines = [line for line in mail["Message"].splitlines() if line.startswith("- ")]
    assert [line.split("” by")[0] for line in lines] == ["- “Song 3", "- “Song 2", "- “Song 1"]
    happened.append(an_event(4))
    tell_all(settings, lake, clock.world())
    assert arrived() == []
    clock.advance(days=1)
    tell_all(settings, lake, clock.world())
    (mail,) = arrived()
    assert "Song 4" in mail["Message"]
    assert "Song 3" not in mail["Message"]
    clock.advance(days=1)
    tell_all(settings, lake, clock.world())
    assert arrived() == []


def test_a_weekly_digest_holds_the_week(lake: Lake, clock: Clock, happened: list[Event], account: Any) -> None:
    settings, arrived = account
    watching(lake, "all", "tell mail weekly")
    mails = []
    for day in range(15):
        happened.append(an_event(day, snapshot_date=clock.now().date()))
        tell_all(settings, lake, clock.world())
        mails += [mail["Message"].count("entered") for mail in arrived()]
        clock.advance(days=1)
    assert mails == [1, 7, 7]


def test_the_bus_has_an_event_each_with_its_kind(lake: Lake, clock: Clock, happened: list[Event], account: Any) -> None:
    settings, arrived = account
    watching(lake, "all | entered", "tell eventbridge")
    happened += [an_event(number) for number in range(23)] + [an_event(99, kind="number_one")]
    assert tell_all(settings, lake, clock.world())[0].told == 23
    found = arrived()
    assert {(one["source"], one["detail-type"]) for one in found} == {("chartlake", "entered")}
    assert {one["detail"]["event_id"] for one in found} == {event.event_id for event in happened[:23]}
    assert found[0]["detail"]["text"].endswith("on 23 November 2026.")


def test_what_aws_refuses_is_told_with_its_words_and_told_again(
    lake: Lake, clock: Clock, happened: list[Event], account: Any
) -> None:
    settings, arrived = account
    happened.append(an_event())
    watching(lake, "all", "tell mail", "tell eventbridge")
    mail, bus = tell_all(Settings(topic=f"{settings.topic}x"), lake, clock.world())
    assert "NotFound" in mail.error.message  # type: ignore[union-attr]
    assert "CHARTLAKE_BUS is not set" in bus.error.message  # type: ignore[union-attr]
    assert [one.told for one in tell_all(settings, lake, clock.world())] == [1, 1]
    assert len(arrived()) == 2


def test_a_secret_is_read_from_ssm(lake: Lake, clock: Clock, happened: list[Event], server: Receiver, aws: str) -> None:
    fields = {"client_id": "a", "client_secret": "b", "webhook_secret": SECRET}
    boto3.client("ssm").put_parameter(Name="/chartlake/watch", Type="SecureString", Value=json.dumps(fields))
    happened.append(an_event())
    watching(lake, "all", f"tell webhook {server.url} private", "tell slack")
    hook, slack = tell_all(Settings(secret="/chartlake/watch"), lake, clock.world())
    assert (hook.told, hook.error) == (1, None)
    assert "CHARTLAKE_SLACK_URL is not set" in slack.error.message  # type: ignore[union-attr]
    assert SECRET not in json.dumps([hook.to_json(), slack.to_json()])


# Whatever happens to runs and channels.


class Trouble:
    """A store, and channels, of a run that dies, loses the store or is overtaken at one of its calls.

    `at` counts down with every call; at zero `what` happens: before the call, or after it when its answer is lost.
    """

    def __init__(self, store: ObjectStore, chance: random.Random, overtake: Callable[[], object]) -> None:
        self._store, self._overtake = store, overtake
        self.at, self.after = chance.randrange(45), chance.random() < 0.5
        self.what: type[BaseException] | None = chance.choice([Killed, Killed, Killed, LakeUnavailable, None])

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._store, name)
        return (lambda *given: self.strike(lambda: call(*given))) if callable(call) else call

    def strike(self, call: Callable[[], Any], failure: type[BaseException] | None = None) -> Any:
        self.at -= 1
        if self.at:
            return call()
        found = call() if self.after else None
        if self.what is None:
            self._overtake()
            return found if self.after else call()
        what = failure if failure and self.what is LakeUnavailable else self.what
        raise what("trouble")


class Outside:
    """Mailbox, webhook and bus of one schedule: what each has received."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self.mails: list[tuple[date, str]] = []
        self.received: dict[str, list[str]] = {"webhook": [], "bus": []}
        self.trouble: Trouble | None = None
        self.down: set[str] = set()

    def mail(self, today: Callable[[], date]) -> Callable[[str, str, str], None]:
        def send(topic: str, subject: str, text: str) -> None:
            if "fails since a day" in subject:
                return
            if "mail" in self.down:
                raise self._chance.choice([ChannelFailed, ChannelFailed, MailDoubtful])("down")
            self._struck(lambda: self.mails.append((today(), text)), MailDoubtful)

        return send

    def tell(self, name: str, most: int) -> Callable[[Any, Sequence[Event]], int]:
        def tell(_: Any, events: Sequence[Event]) -> int:
            if name in self.down:
                raise ChannelFailed("down")
            ids = [event.event_id for event in events[:most]]
            self._struck(lambda: self.received[name].extend(ids), ChannelFailed)
            return len(ids)

        return tell

    def _struck(self, call: Callable[[], None], failure: type[BaseException]) -> None:
        self.trouble.strike(call, failure) if self.trouble else call()


DOUBTFUL = "These may have been in an earlier mail"


def a_schedule(seed: int, happened: list[Event], monkeypatch: pytest.MonkeyPatch) -> None:
    chance, clock = random.Random(seed), Clock()
    happened.clear()
    store = DryRun(Nothing())  # type: ignore[arg-type]
    outside = Outside(chance)
    monkeypatch.setattr(telling, "send_mail", outside.mail(lambda: clock.now().date()))
    monkeypatch.setattr(Webhook, "tell", outside.tell("webhook", 3))
    monkeypatch.setattr(amazon_channels.Bus, "tell", outside.tell("bus", 2))
    store.create(keys.WATCH, b"all\ntell feeds\ntell mail\ntell webhook https://example.org/\ntell eventbridge\n")

    def run(through: Any, seconds_left: float = float("inf")) -> None:
        world = clock.world(chance.randrange(10**9), seconds_left)
        tell_all(SETTINGS, Lake(through, world), world)

    run(store)
    days = chance.randrange(4, 9)
    for day in range(days + 3):
        quiet = day >= days
        for number in range(0 if quiet else chance.randrange(5)):
            # Some are of a day that was mended.
            seen = clock.now().date() - timedelta(days=chance.choice([0, 0, 0, min(day, 2)]))
            happened.append(an_event(1000 * day + number, snapshot_date=seen))
        outside.down = {name for name in ("mail", "webhook", "bus") if not quiet and chance.random() < 0.2}
        for _ in range(1 if quiet else chance.randrange(1, 4)):
            through = store if quiet else Trouble(store, chance, lambda: run(store))
            outside.trouble = None if quiet else through  # type: ignore[assignment]
            with suppress(Killed, LakeUnavailable):
                run(through, chance.choice([float("inf"), 60.0, 4.0]) if not quiet else float("inf"))
            outside.trouble = None
            if seed % 50 == 0:
                clock.advance(minutes=5)
        clock.advance(days=1)

    ids = {event.event_id for event in happened}
    assert Counter(e.id[-32:] for e in feedparser.parse(store.get(keys.ALL_FEED).data).entries) == Counter(ids)  # type: ignore[union-attr]
    assert set(outside.received["webhook"]) == set(outside.received["bus"]) == ids
    assert max(Counter(day for day, _ in outside.mails).values(), default=0) < 2
    news = "".join(text.partition(DOUBTFUL)[0] for _, text in outside.mails)
    told_in_mail = "".join(text for _, text in outside.mails)
    for event in happened:
        assert news.count(sentence(event)) <= 1, "twice"
        assert sentence(event) in told_in_mail, "lost"


class Nothing:
    """A store in which nothing is."""

    def get(self, key: str) -> None:
        return None

    def list(self, prefix: str) -> Iterator[str]:
        return iter(())

    def locate(self, key: str) -> str:
        return key


@pytest.mark.parametrize("first", range(0, 500, 50))
def test_nothing_is_told_twice_and_nothing_is_lost_in_500_schedules(
    first: int, happened: list[Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    for seed in range(first, first + 50):
        try:
            a_schedule(seed, happened, monkeypatch)
        except AssertionError as error:
            raise AssertionError(f"schedule {seed}: {error}") from error
