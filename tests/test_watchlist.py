"""The watchlist: what its lines mean, which events they want, and how an event is told in words."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from chalicelib.analysis.views import EVENT_KINDS as KINDS
from chalicelib.analysis.watchlist import parse_line, parse_watchlist, written
from chalicelib.report.event_words import sentence

from .channels import LIST, TODAY, an_event

ARTIST, TRACK = f"{2:022d}", f"{7:022d}"
WEEKLY = "chart:regional-us-weekly"
GAP = {"after_date": TODAY - timedelta(days=3)}


@pytest.mark.parametrize(
    ("line", "number", "wanted"),
    [
        (f"artist {ARTIST}", 7, True),
        (f"artist https://open.spotify.com/intl-de/artist/{ARTIST}?si=x", 7, True),
        (f"artist spotify:artist:{ARTIST}  # Bert", 7, True),
        ("artist bert", 7, True),
        ("artist Anna, Bert", 7, True),
        ("artist Ber", 7, False),
        (f"artist {3:022d}", 7, False),
        (f"track {TRACK}", 7, True),
        (f"track {TRACK}", 8, False),
        (f"track https://open.spotify.com/track/{TRACK}", 7, True),
        ("track GBAYE6800007", 7, True),
        ("track song 7 by anna", 7, True),
        ("track song 7 by Bert", 7, False),
        ("label small  records", 7, True),
        ("label Small", 7, False),
        (f"list {LIST}", 7, True),
        ("list Top 50", 7, True),
        ("list Top 5", 7, False),
        ("all", 7, True),
        ("all | entered", 7, True),
        ("all | left, moved 3", 7, False),
    ],
)
def test_a_line_wants_its_own(line: str, number: int, wanted: bool) -> None:
    assert parse_watchlist(line).wants(an_event(number)) is wanted


@pytest.mark.parametrize(
    ("line", "kind", "number", "wanted"),
    [
        ("all", "moved", 4, False),
        ("all", "moved", -5, True),
        ("all | moved 10", "moved", 9, False),
        ("all | moved 10", "moved", -10, True),
        ("all", "followers_jump", 999, False),
        ("all | followers_jump 10", "followers_jump", -10, True),
        ("all", "milestone", 7, True),
    ],
)
def test_small_changes_do_not_count(line: str, kind: str, number: int, wanted: bool) -> None:
    assert parse_watchlist(line).wants(an_event(kind=kind, number=number)) is wanted


def test_an_event_of_a_whole_list_is_no_artists() -> None:
    renamed = an_event(kind="list_renamed", item_key=None, name=None, artist_names=None, artist_ids=None, label=None)
    assert not parse_watchlist("artist Anna\nlabel Small Records").wants(renamed)
    assert parse_watchlist(f"list {LIST}").wants(renamed)


@pytest.mark.parametrize("name", ["A|B", "X # Label", "#1", '"Heroes"', 'The "A" | "B"', "Bros.", "entered, moved 10"])
def test_a_name_is_read_as_it_was_written_whatever_it_holds(name: str) -> None:
    line = f"label {written(name)} | entered  # a note"
    (watch,) = parse_watchlist(line).watches
    assert (watch.reference, watch.kinds, watch.note) == (name, {"entered": 0}, "a note")
    assert str(watch) == line
    assert watch.wants(an_event(kind="entered", label=name.upper()))
    assert not watch.wants(an_event(kind="entered", label=name.split()[0] + " and others"))


def test_a_name_that_begins_in_quotes_needs_no_more() -> None:
    (watch,) = parse_watchlist('track "Heroes" by David Bowie').watches
    assert watch.reference == '"Heroes" by David Bowie'


def test_lines_read_as_they_were_written() -> None:
    text = (
        "\ufeff# mine\n\nartist x | entered, moved 7  # X\ntell mail weekly\ntell webhook http://10.0.0.1/a private\n"
    )
    found = parse_watchlist(text)
    assert [str(one) for one in (*found.watches, *found.channels)] == [
        "artist x | entered, moved 7  # X",
        "tell mail weekly",
        "tell webhook http://10.0.0.1/a private",
    ]
    assert found.wrong == ()


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("actor X", "'actor' is none of artist, track, label, list, all, tell"),
        ("artist", "needs an id or a name"),
        ("all lists", "takes no name"),
        (f"artist spotify:track:{TRACK}", "is a link to track, not to artist"),
        ("all | arrived", "'arrived' is no kind of event"),
        ("all |", "no kind of event stands after"),
        ("all | entered 3", "entered takes no number"),
        ("all | moved far", "moved takes a whole number"),
        ("tell", "is no way of telling"),
        ("tell pigeons", "'pigeons' is no way of telling"),
        ("tell mail hourly", "does not take 'hourly'"),
        ("tell webhook", "needs a web address"),
        ("tell webhook http://example.org/", "goes over https"),
        ("tell webhook ftp://example.org/", "needs a web address"),
        ("tell webhook https://me:pass@example.org/", "needs a web address"),
        ("tell webhook https://example.org:x/", "needs a web address"),
        ("tell webhook https://example.org/ public", "does not take 'public'"),
    ],
)
def test_a_wrong_line_says_what_is_wrong_and_harms_no_other(line: str, says: str) -> None:
    found = parse_watchlist(f"{line}\nall\ntell feeds")
    (error,) = found.wrong
    assert says in error.message
    assert "config/watch.txt, line 1" in error.message
    assert [str(one) for one in (*found.watches, *found.channels)] == ["all", "tell feeds"]


def test_a_comment_is_nothing() -> None:
    assert parse_line("  # artist X") is None


ITEM = "“Song 0” by Anna, Bert"


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({}, f"{ITEM} entered Top 50 at 3 on 23 November 2026."),
        (GAP, f"{ITEM} entered Top 50 at 3 between 20 and 23 November 2026."),
        (
            {"snapshot_date": date(2027, 1, 2), "after_date": date(2026, 12, 30)},
            f"{ITEM} entered Top 50 at 3 between 30 December 2026 and 2 January 2027.",
        ),
        (
            {"snapshot_date": date(2026, 3, 2), "after_date": date(2026, 2, 27)},
            f"{ITEM} entered Top 50 at 3 between 27 February and 2 March 2026.",
        ),
        ({"kind": "re-entered"}, f"{ITEM} came back to Top 50 at 3 on 23 November 2026."),
        (
            {"kind": "left", "position": None, "previous_position": 50},
            f"{ITEM} left Top 50, from 50, on 23 November 2026.",
        ),
        (
            {"kind": "moved", "number": 9, "previous_position": 12},
            f"{ITEM} rose 9 places on Top 50, from 12 to 3, on 23 November 2026.",
        ),
        (
            {"kind": "moved", "number": -1, "previous_position": 2},
            f"{ITEM} fell 1 place on Top 50, from 2 to 3, on 23 November 2026.",
        ),
        ({"kind": "new_peak"}, f"{ITEM} reached its best place on Top 50 so far, 3, on 23 November 2026."),
        ({"kind": "number_one"}, f"{ITEM} became number one of Top 50 on 23 November 2026."),
        (
            {"kind": "milestone", "number": 100},
            f"{ITEM} has been on Top 50 for 100 days in all, on 23 November 2026.",
        ),
        (
            {"kind": "milestone", "number": 7, "playlist_id": WEEKLY},
            f"{ITEM} has been on Top 50 for 7 weeks in all, on 23 November 2026.",
        ),
        (
            {"kind": "gap_ended", "number": 1, "playlist_id": WEEKLY},
            "Top 50 is known again since 23 November 2026; 1 week before that will stay unknown.",
        ),
        (
            {"kind": "list_renamed", "was": "Top", "became": "Top 50"},
            "“Top” was renamed to “Top 50” on 23 November 2026.",
        ),
        (
            {"kind": "description_changed", "became": "New <b>"},
            "The description of Top 50 was changed to “New <b>” on 23 November 2026.",
        ),
        ({"kind": "description_changed"}, "The description of Top 50 was taken away on 23 November 2026."),
        (
            {"kind": "owner_changed", "was": "ann"},
            "Top 50 changed hands from ann to an unnamed owner on 23 November 2026.",
        ),
        ({"kind": "list_emptied"}, "Top 50 was emptied on 23 November 2026."),
        ({"kind": "followers_jump", "number": -1200}, "Top 50 lost 1,200 followers on 23 November 2026."),
        ({"kind": "gap_began"}, "Top 50 is not known since 23 November 2026."),
        (
            {"kind": "gap_ended", "number": 2},
            "Top 50 is known again since 23 November 2026; 2 days before that will stay unknown.",
        ),
        ({"name": None, "artist_names": None}, "“(no title)” entered Top 50 at 3 on 23 November 2026."),
        (
            {"name": "a\x1b[31m\nb", "playlist_name": "x" * 300},
            f"“a�[31m b” by Anna, Bert entered {'x' * 200}… at 3 on 23 November 2026.",
        ),
    ],
)
def test_an_event_is_one_plain_sentence(told: dict[str, object], words: str) -> None:
    assert sentence(an_event(**told)) == words


def test_every_kind_has_a_sentence() -> None:
    for kind in KINDS:
        assert sentence(an_event(kind=kind, number=1, previous_position=4, was="a", became="b")).endswith(".")
