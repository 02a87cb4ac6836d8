"""The words that invented artists, songs and shows are named with. Nobody here exists."""

from __future__ import annotations


def words(text: str) -> tuple[str, ...]:
    """Give the words of a text."""
    return tuple(text.split())


ARTISTS = (
    "Velvet Anoraks",
    "Tramlines & Sons",
    "Siobhán O'Quartz",
    "Ma. Lanterna",
    "Grönkvist, Pärla & Ö",
    "DJ Ledger",
    "The Uncountables",
    "K4RT0FF3L",
    "月夜電鉄",
    "고래우체국",
    "Полярный Экспрессо",
    "Ωμέγα Καφέ",
    "فرقة القمر الورقي",
    "להקת הנייר הכחול",
    "मिट्टी के तारे",
    "เด็กชายหิมะ",
    "Earl, Duke, and the Other One",
    "Ñandú Eléctrico",
    "Đông Phương Radio",
    "Łódź Łódka",
    "n/a",
    "Null Island",
    'The "Quotation" Marks',
    "A Band Whose Name Was Agreed Upon by a Committee That Met Every Second Thursday",
    "<i>Nobody</i> & the Entities",
    "🦊🦊🦊",
    "T\u0308h\u0308e\u0308 U\u0308m\u0308l\u0308a\u0308u\u0308t\u0308s\u0308",
    "Ramp, \u202eNwod\u202c & Up",
)
FIRST = words(
    "Paper Copper Quiet Midnight Plastic Northern Glass Lunar Borrowed Hollow Electric Salty Marble Sunday Tin Amber "
    "Distant Feral Gentle Orbital Pocket Crimson Wandering Analog"
)
GIVEN = words(
    "Ilse Tomasz Amara Yukiko Bram Leocadia Femi Oddvar Rosalba Anouk Dmitri Saoirse Mateus Priyanka Zsófia Kwame Wren "
    "Thibault Noor Ximena"
)
FAMILY = words(
    "Quillfeather Underhay Saltmarsh Brindlewick Pommeroy-Vale Tinkerfjord Marzipani Overcast Nightingale-Okoro "
    "Bellwether Ferrymann Quicksilver Thistledown Halfpenny Lantern Moonraker Eiderdown Windowpane Larkspur Umbrage"
)
SECOND = words(
    "Lanterns Otters Parade Archive Motel Signals Cartographers Weather Pilots Orchard Ministry Foxes Telegraph Arcade "
    "Tides Kites Librarians Harbour Engines Postcards Committee Meridian Umbrellas Cinema"
)
TITLES = (
    "Don't Count the Rain",
    "Yes, No, Maybe (feat. Nobody)",
    "夜の地図",
    "종이비행기",
    "Сто писем, ни одного ответа",
    "ليل طويل جدا",
    "שיר בלי שם",
    "काग़ज़ की नाव",
    "¿Dónde Está el Ascensor?",
    "Überübermorgen",
    "0",
    "NULL",
    "'Til the Trams Stop Running",
    'She Said "Later"',
    "This Song Has a Title So Long That It Was Printed on the Spine, the Back, the Inner Sleeve and Half of the "
    "Neighbouring Record, and Still It Does Not Quite Manage to End Where Its Author Would Have Liked - Radio Edit",
    "Tab\tand Backslash \\",
    "=SUM(A1:A9)",
    "  Two Spaces First",
    "Café (2009 Remaster) / Cafe\u0301",
    "<b>Bold</b> & Brave",
    "<script>alert('simulated')</script>",
    '"><img src=x onerror=alert(1)>',
    "Rain \U0001f327\ufe0f, Tents \U0001f3aa (\U0001f469\u200d\U0001f680 Mix)",
    "Ǫ̷̛͓̋v̸̡͎͐e̵̝͝r̴͖̂g̶̨͌r̷̰͂o̵̮͑w̸̰͊n̷̥̾",
    "Left, \u202ethgir\u202c and Centre",
    "{{ 7 * 7 }} ${HOME} %s",
    "كلا / Maybe / אולי",
    "🙃",
)
WORDS = words(
    "Anchor Balcony Candle December Elevator Ferry Gravity Honey Index Jupiter Kettle Lemonade Mirror November Oxygen "
    "Pavement Quarter Ribbon Static Thunder Umbra Velour Window Yesterday Zephyr Concrete Summer Satellite Avalanche "
    "Bicycle Compass Driftwood Echo Fever Glacier Hurricane Island Jasmine Kerosene Lighthouse Magnet Neon Ocean "
    "Paradise Queue Rollercoaster Silhouette Telephone Undertow Voltage Whirlpool Xylophone Yard Zenith Applause"
)
PATTERNS = (
    "{a}",
    "{a} {b}",
    "{a} in {b}",
    "No More {a}",
    "{a} (Remix)",
    "{a}, {b}",
    "My {a}",
    "{a} Season",
    "Dear {a}",
    "{a} Pt. II",
    "The {a} and the {b}",
    "{a} After Midnight",
    "Half the {a}",
    "{a} (Live at the {b})",
    "Not Another {a}",
    "{a} Is for {b}",
    "Last {a} Home",
    "{a} & {b}",
    "Some Kind of {a}",
    "Every {a}, Every {b}",
    "{a} Interlude",
    "Slow {a}",
    "What the {a} Said",
    "{a}!",
)
SHOWS = ("The Slow Timetable", "Two Chairs and a Kettle", "Minutes of the Last Meeting", "Radio Nirgendwo")


def artist(index: int) -> str:
    """Give the name with this number, of a band, of a person, or of a person's band: no two alike below 1,000."""
    kind, place = index % 3, index // 3
    if kind == 0:
        return f"{FIRST[place % len(FIRST)]} {_paired(place, FIRST, SECOND)}"
    given = GIVEN[place % len(GIVEN)]
    return f"{given} {_paired(place, GIVEN, FAMILY)}" if kind == 1 else f"{given} & the {_paired(place, GIVEN, SECOND)}"


def _paired(place: int, first: tuple[str, ...], second: tuple[str, ...]) -> str:
    return second[(place + place // len(first) * 11) % len(second)]
