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
)
FIRST = words(
    "Paper Copper Quiet Midnight Plastic Northern Glass Lunar Borrowed Hollow Electric Salty Marble Sunday Tin Amber "
    "Distant Feral Gentle Orbital Pocket Crimson Wandering Analog"
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
)
SHOWS = ("The Slow Timetable", "Two Chairs and a Kettle", "Minutes of the Last Meeting", "Radio Nirgendwo")
