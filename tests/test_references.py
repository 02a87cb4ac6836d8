import pytest

from chalicelib.errors import BadSetting
from chalicelib.spotify.references import FollowList, parse_follow_list, parse_playlist_reference

ID = "37i9dQZEVXbMDoHDwVN2tF"


@pytest.mark.parametrize(
    "text",
    [
        ID,
        f"  {ID}\n",
        f"spotify:playlist:{ID}",
        f"spotify:user:some.body:playlist:{ID}",
        f"https://open.spotify.com/playlist/{ID}",
        f"https://open.spotify.com/playlist/{ID}?si=6d8f1a2b3c4d5e6f&pt=1#top",
        f"https://open.spotify.com/playlist/{ID}/",
        f"https://open.spotify.com/intl-de/playlist/{ID}?si=x",
        f"https://open.spotify.com/embed/playlist/{ID}",
        f"https://open.spotify.com/user/some.body/playlist/{ID}",
        f"http://open.spotify.com/playlist/{ID}",
        f"open.spotify.com/playlist/{ID}",
        f"<https://open.spotify.com/playlist/{ID}>",
        f"https://api.spotify.com/v1/playlists/{ID}",
    ],
)
def test_every_form_that_people_paste_is_understood(text: str) -> None:
    assert parse_playlist_reference(text) == ID


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "not a playlist"),
        ("Top 50", "not a playlist"),
        (ID[:-1], "not a playlist"),
        (f"{ID}x", "not a playlist"),
        (f"spotify:album:{ID}", "an album"),
        (f"https://open.spotify.com/artist/{ID}", "an artist"),
        (f"https://open.spotify.com/track/{ID}", "a track"),
        ("https://open.spotify.com/playlist/", "not a playlist"),
        (f"https://open.spotify.com/playlist/{ID[:-2]}", "22 letters"),
        (f"https://example.com/playlist/{ID}", "not a playlist"),
        ("https://spotify.link/abcdef", "short link"),
        (f"https://open.spotify.com.evil.example/playlist/{ID}", "not a playlist"),
        ("https://[/playlist/", "not a playlist"),
        (f"{ID[:-1]}é", "not a playlist"),
    ],
)
def test_anything_else_is_refused_with_words_that_help(text: str, words: str) -> None:
    with pytest.raises(BadSetting, match=words):
        parse_playlist_reference(text)


def test_a_list_may_have_comments_commas_and_repeats() -> None:
    other = "0123456789abcdefABCDEF"
    text = f"# my charts\n{ID}  # global\n\nspotify:playlist:{other}, https://open.spotify.com/playlist/{ID}?si=1\n"
    assert parse_follow_list(text) == FollowList((ID, other), frozenset(), ())
    found = parse_follow_list(f"{text}\nnonsense")
    assert (found.references, [error.message.split(" ")[0] for error in found.wrong]) == ((ID, other), ["'nonsense'"])


def test_all_of_mine_is_followed_but_for_what_a_minus_takes_out() -> None:
    found = parse_follow_list(f"me, me/liked\n-https://open.spotify.com/playlist/{ID}?si=1  # too long\n- nonsense")
    assert (found.references, found.excluded, found.needs_user) == (("me", "me/liked"), {ID}, True)
    assert "' nonsense' is not a playlist" in found.wrong[0].message
    assert not parse_follow_list(ID).needs_user
