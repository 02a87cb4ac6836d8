"""Regions as charts write them: two letters, `global`, or a country's English name. Pure."""

from __future__ import annotations

from .day import shown

# Spotify's markets that have charts, by the names that its pages and the data sets made from them use.
_CODES = {
    "andorra": "ad", "argentina": "ar", "australia": "au", "austria": "at", "belarus": "by", "belgium": "be",
    "bolivia": "bo", "brazil": "br", "bulgaria": "bg", "canada": "ca", "chile": "cl", "colombia": "co",
    "costa rica": "cr", "croatia": "hr", "cyprus": "cy", "czech republic": "cz", "czechia": "cz", "denmark": "dk",
    "dominican republic": "do", "ecuador": "ec", "egypt": "eg", "el salvador": "sv", "estonia": "ee", "finland": "fi",
    "france": "fr", "germany": "de", "ghana": "gh", "global": "global", "greece": "gr", "guatemala": "gt",
    "honduras": "hn", "hong kong": "hk", "hungary": "hu", "iceland": "is", "india": "in", "indonesia": "id",
    "ireland": "ie", "israel": "il", "italy": "it", "japan": "jp", "kazakhstan": "kz", "kenya": "ke", "latvia": "lv",
    "lithuania": "lt", "luxembourg": "lu", "malaysia": "my", "malta": "mt", "mexico": "mx", "monaco": "mc",
    "morocco": "ma", "netherlands": "nl", "new zealand": "nz", "nicaragua": "ni", "nigeria": "ng", "norway": "no",
    "pakistan": "pk", "panama": "pa", "paraguay": "py", "peru": "pe", "philippines": "ph", "poland": "pl",
    "portugal": "pt", "puerto rico": "pr", "romania": "ro", "russia": "ru", "russian federation": "ru",
    "saudi arabia": "sa", "serbia": "rs", "singapore": "sg", "slovakia": "sk", "slovenia": "si", "south africa": "za",
    "south korea": "kr", "korea": "kr", "spain": "es", "sweden": "se", "switzerland": "ch", "taiwan": "tw",
    "thailand": "th", "tunisia": "tn", "turkey": "tr", "türkiye": "tr", "ukraine": "ua", "united arab emirates": "ae",
    "united kingdom": "gb", "united states": "us", "united states of america": "us", "usa": "us", "uruguay": "uy",
    "venezuela": "ve", "vietnam": "vn", "viet nam": "vn", "world": "global", "worldwide": "global",
}  # fmt: skip


def region_code(text: str) -> str:
    """A region as lists have it: two lower-case letters, or `global`. Raises `ValueError` with the reason."""
    region = text.strip().lower()
    if len(region) == 2 and region.isascii() and region.isalpha():
        return region
    if region not in _CODES:
        raise ValueError(
            f"the region is {shown(text)}: neither a country that has charts, nor its two letters, nor global"
        )
    return _CODES[region]
