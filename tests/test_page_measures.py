"""The measures on a list's page in a real browser: what the views and the commands tell, in words, numbers and drawings."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from chalicelib.analysis.charts import open_charts
from chalicelib.analysis.measures import Tenure, overlap, read_overlaps, shares, tenure, turnover
from chalicelib.lake.lake import Lake
from chalicelib.report import site
from simulator import TOP_50

from .conftest import NOON
from .histories import LIST, entry, keep, named
from .test_measures import markets
from .test_report import (
    DESKTOP,
    GLOBAL_50,
    HOSTILE,
    PHONE,
    TODAY,
    address_of,
    archive,
    chromium,
    demo,
    grave,
    rendered,
    visit,
)

__all__ = ["archive", "chromium", "demo", "markets"]  # fixtures

OTHER = "2" * 22
KOREA = "chart:regional-kr-daily"


def back(days: int) -> date:
    return TODAY - timedelta(days=days)


@pytest.mark.parametrize(("site_of", "playlist_id"), [("demo", TOP_50), ("archive", GLOBAL_50), ("archive", KOREA)])
def test_the_numbers_of_the_page_are_those_of_the_views(
    chromium: Browser, site_of: str, playlist_id: str, request: pytest.FixtureRequest
) -> None:
    lake: Lake = request.getfixturevalue(site_of)
    with open_charts(lake, TODAY) as charts:
        stays = tenure(charts, playlist_id)
        replaced = turnover(charts, playlist_id, date.min, date.max)
        alike = [row for row in overlap(charts, playlist_id) if row["common"]]
        day = charts.playlist(playlist_id)["last_date"]
        labels = [row for row in shares(charts, playlist_id, "label", day) if row["share_key"]]
    with visit(chromium, address_of(lake, playlist_id)) as page:
        data = page.evaluate("JSON.parse(document.querySelector('#data').textContent)")
        assert data["tenure"] == [
            [one.days, *(pytest.approx(part, abs=0.0005) for part in (one.least, one.most, one.low, one.high))]
            for one in stays.points
        ]
        assert figures(page) == [f"After {after} {share}" for after, share in told_shares(stays)]
        assert drawn_turnover(data) == told_turnover(replaced)
        whole = [row["turnover"] for row in replaced if row["interval_days"] == 1]
        says = page.locator("#turnover-title + .says").inner_text()
        assert says.startswith(f"{100 * sum(whole) / len(whole):.1f} % of the list is replaced each day, on average; ")
        assert f"at most {100 * max(whole):.1f} % on " in says
        assert shown_lists(page) == [
            [row["common"], f"{100 * row['jaccard']:.1f} %", f"{100 * row['rank_biased_overlap']:.1f} %"]
            for row in alike
        ]
        assert len(alike) > 0
        if playlist_id == KOREA:
            shown = [re.split(r"\n+", one.inner_text()) for one in page.locator(".labels li").all()]
            assert [one[:2] for one in shown] == [
                [row["name"], f"{100 * row['share']:.1f} %"] for row in labels[: len(shown)]
            ]
            assert len(labels) > len(shown) == 10
            assert f"The first 10 of {len(labels)} labels." in page.inner_text("#measures")
        else:
            assert labels == []
            expect(page.locator("#labels-title")).to_have_count(0)


def figures(page: Page) -> list[str]:
    return [" ".join(one.inner_text().split()) for one in page.locator(".after > div").all()]


def told_shares(stays: Tenure) -> list[tuple[str, str]]:
    """S(t) of docs/measures.md after some numbers of days, from the points."""
    found = []
    for days in (1, 7, 30, 100, 365):
        if days <= stays.points[-1].days:
            at = max((one for one in stays.points if one.days <= days), key=lambda one: one.days)
            least, most = round(100 * at.least), round(100 * at.most)
            shown = f"{least} %" if least == most else f"{least} – {most} %"
            found.append((f"{days} day{'' if days == 1 else 's'}", shown))
    return found


def drawn_turnover(data: dict[str, Any]) -> list[Any]:
    return [bar if isinstance(bar, list) else [bar, bar] for bar in data["turnover"]]


def told_turnover(rows: Sequence[dict[str, Any]]) -> list[Any]:
    assert len(rows) < 365
    return [
        [pytest.approx(row[name], abs=0.00005) for name in ("turnover", "most_turnover")]
        if row["interval_days"] == 1
        else [None, None]
        for row in rows
    ]


def shown_lists(page: Page) -> list[list[Any]]:
    rows = [one.locator("td").all_inner_texts() for one in page.locator(".alike tbody tr").all()]
    return [[int(common.split()[0]), *rest] for common, *rest in rows]


@pytest.fixture
def story(lake: Lake) -> Lake:
    """A was always there, B and C stay for two days, D for two or, by the gap, three, E and F come in the gap, and G is
    there today. The other list is two days behind."""
    letters = ("A", "AB", "AB", "AC", "AC", "AD", "AD", None, "AEF", "AE", "AE", "AE", "AG")
    days = {back(12 - number): named(back(12 - number), text) for number, text in enumerate(letters) if text}
    keep(lake, days, name="Here")
    other = {back(3): "EX", back(2): "EAX"}
    keep(
        lake,
        {on: [r | {"playlist_id": OTHER} for r in named(on, text)] for on, text in other.items()},
        OTHER,
        name="There",
    )
    return rendered(lake.store.locate(""))


def test_each_picture_is_told_in_a_sentence_that_can_be_read_alone(chromium: Browser, story: Lake) -> None:
    with visit(chromium, address_of(story, LIST), java_script_enabled=False) as page:
        says = [" ".join(one.split()) for one in page.locator("#measures .says").all_inner_texts()]
        assert says == [
            "Half of the entries stay at least 2 days (2 or more).",
            "20.3 % of the list is replaced each day, on average; at most 50.0 % on Sat 14 Nov 2026.",
            "2 entries of 2 were on There too, on Sat 21 Nov 2026.",
        ]
        text = " ".join(page.inner_text("#measures").split())
        assert (
            "Of 4 stays that began in sight, one is not over. Left out: 3 that began before the first known day" in text
        )
        assert "Of 1 stay gaps leave open when they ended" in text
        assert "10 days with no gap before them." in text
        assert "What happened in a gap is in no number." in text
        expect(page.locator("#tenure")).to_be_hidden()


def test_the_drawings_are_read_under_the_pointer(chromium: Browser, story: Lake) -> None:
    with visit(chromium, address_of(story, LIST)) as page:
        svg = page.locator("#tenure svg")
        svg.scroll_into_view_if_needed()
        box = svg.bounding_box()
        assert box
        svg.hover(position={"x": box["width"] - 16, "y": 60})
        stays = page.evaluate("JSON.parse(document.querySelector('#data').textContent)")["tenure"]
        assert page.inner_text("#tenure .tip").splitlines()[0].endswith(f"stay longer than {stays[-1][0]} days")
        page.locator("#turnover svg").hover(position={"x": box["width"] - 16, "y": 60})
        assert page.inner_text("#turnover .tip").split("\n") == ["50 %", "Mon 23 Nov 2026"]
        # A gap has no bar, and is hatched.
        assert page.locator("#turnover rect[fill='url(#turnover-hatch)']").count() == 1
        assert page.locator("#turnover .stems").first.get_attribute("d").count("M") == 10


def test_what_has_nothing_to_say_is_not_there(chromium: Browser, lake: Lake) -> None:
    keep(lake, {TODAY: named(TODAY, "ABC")})
    rendered(lake.store.locate(""))
    with visit(chromium, address_of(lake, LIST)) as page:
        assert page.locator("#measures, a[href='#measures']").count() == 0
    # Nobody left whose coming was seen, no other list has one of its entries, and no label is known.
    keep(lake, {back(1): named(back(1), "ABC")})
    keep(lake, {TODAY: [one | {"playlist_id": OTHER} for one in named(TODAY, "XY")]}, OTHER)
    rendered(lake.store.locate(""))
    with visit(chromium, address_of(lake, LIST)) as page:
        assert page.locator("#measures h3").all_inner_texts() == ["How much is replaced"]
        assert page.inner_text("#turnover-title + .says") == "0.0 % of the list is replaced each day, on average."
        page.click("a[href='#measures']")
        expect(page.locator("#measures-title")).to_be_in_viewport()


def test_the_newest_day_on_which_both_are_known_is_compared_whatever_else_is_in_the_lake(story: Lake) -> None:
    third = "3" * 22
    keep(story, {back(8): [one | {"playlist_id": third} for one in named(back(8), "CA")]}, third)
    with open_charts(story, TODAY) as charts:
        wanted = {one: [row for row in overlap(charts, one) if row["common"]] for one in (LIST, OTHER, third)}
    found = read_overlaps(story, TODAY, [LIST, OTHER, third], 10)
    assert {one: without_count(rows) for one, rows in found.items()} == {
        one: rows for one, rows in wanted.items() if rows
    }
    assert [row["others"] for row in found[LIST]] == [2, 2]
    assert [len(rows) for rows in read_overlaps(story, TODAY, [LIST, OTHER, third], 1).values()] == [1, 1, 1]


def without_count(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value for name, value in row.items() if name != "others"} for row in rows]


def test_overlaps_of_real_charts_are_those_of_the_view(markets: Lake) -> None:
    with open_charts(markets, TODAY) as charts:
        ids = [row["playlist_id"] for row in charts.playlists()]
        wanted = {one: [row for row in overlap(charts, one) if row["common"]] for one in ids}
    found = read_overlaps(markets, TODAY, ids, 5)
    assert {one: without_count(rows) for one, rows in found.items()} == {one: rows[:5] for one, rows in wanted.items()}
    assert {one: rows[0]["others"] for one, rows in found.items()} == {one: len(rows) for one, rows in wanted.items()}
    assert len(found) == 10


def test_where_all_lists_cannot_be_read_the_rest_of_the_page_is_there(
    story: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(site, "MOST_ENTRIES_ACROSS", 5)
    rendered(story.store.locate(""), NOON, LIST)
    page = story.store.get(site.keys.playlist_page(LIST))
    assert page
    assert b"How long entries stay" in page.data
    assert b"In common with other lists" not in page.data


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_hostile_names_are_text_that_fits_and_axe_finds_nothing(
    chromium: Browser, lake: Lake, viewport: dict[str, int], scheme: Any
) -> None:
    for number, name in enumerate(HOSTILE):
        one = f"{number:022}"
        days = {
            day: [
                entry(day, place, uri=f"spotify:track:{place:022}", name="Song", label=text * 5, playlist_id=one)
                for place, text in enumerate(HOSTILE, 1)
                if (place + count) % 2 == 0
            ]
            for count, day in enumerate((back(3), back(2), back(1), TODAY))
        }
        keep(lake, days, one, name=name * 5)
    rendered(lake.store.locate(""))
    with visit(chromium, address_of(lake, f"{5:022}"), viewport, color_scheme=scheme, bypass_csp=True) as page:
        assert "taken" not in page.title()
        assert page.locator("#measures h3").count() == 4
        assert page.locator(".alike bdi").filter(has_text="<script>").count() == 1
        assert page.locator("#measures img, #measures script").count() == 0
        assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
        grave(page)
