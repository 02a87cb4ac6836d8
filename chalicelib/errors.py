"""Every failure that a user can meet.

Each error says what happened (the message, with Spotify's or AWS's own words), and what to do next (`advice`). Two
families tell a caller what to do: `Retryable` (later, perhaps at a known moment) and `Final` (a person must act).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class ChartlakeError(Exception):
    """Base of all. `status` is the worth of the day that this error leaves behind (see `snapshots.status`)."""

    advice = "Read the message above; `chartlake verify` shows the state of the lake."
    status = "unavailable"
    stops_run = False

    def __init__(self, message: str, *, advice: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        if advice is not None:
            self.advice = advice

    @property
    def kind(self) -> str:
        """The error's name, for logs and machine-readable answers."""
        return type(self).__name__

    def to_json(self) -> dict[str, str]:
        """The form that HTTP and `--json` share."""
        return {"error": self.kind, "message": self.message, "advice": self.advice}


class Retryable(ChartlakeError):
    """Passing trouble. `retry_after` is in seconds where the service named a time; `retried` means that as many
    attempts as it is worth were made already."""

    retried = False

    def __init__(self, message: str, *, advice: str | None = None, retry_after: float | None = None) -> None:
        super().__init__(message, advice=advice)
        self.retry_after = retry_after


class Final(ChartlakeError):
    """Trying again changes nothing until a person has acted."""


# Spotify, the whole run: every further call would be pointless or harmful.


class CredentialsRefused(Final):
    """The client id, the secret or the access token is not accepted, or the app may not act for this user."""

    advice = (
        "Check the client id and secret on developer.spotify.com/dashboard (SPOTIPY_CLIENT_ID and "
        "SPOTIPY_CLIENT_SECRET, or the parameter named by CHARTLAKE_SECRET)."
    )
    status = "forbidden"
    stops_run = True


class ConsentExpired(Final):
    """The user's sign-in ended: refresh tokens die six months after consent, or earlier when revoked."""

    advice = "Sign in again with `chartlake login`; days already kept are safe."
    status = "forbidden"
    stops_run = True


class SignInFailed(Final):
    """`chartlake login` ended without a consent: refused, cancelled, or not answered in time."""

    advice = "Run `chartlake login` again; what was stored before is unchanged."


class ConsentDoubted(Retryable):
    """Spotify refuses the user's sign-in since a few hours at most; during incidents it has refused good ones."""

    advice = (
        "The next run asks again, and goes on by itself if Spotify accepts the sign-in again; once it was refused for "
        "six hours, a new sign-in is needed. Days already kept are safe."
    )
    status = "unavailable"
    stops_run = True


class PremiumRequired(Final):
    """Spotify lets development-mode apps work only while their owner has Premium."""

    advice = "The owner of the Spotify app needs an active Premium subscription; it can take some hours to count."
    status = "forbidden"
    stops_run = True


class QuotaExceeded(Retryable):
    """The developer account's daily quota is used up; asking on only makes the ban longer."""

    advice = "Nothing will be asked of Spotify before that time; the next scheduled run then goes on by itself."
    status = "deferred"
    stops_run = True


class RateLimited(Retryable):
    """Spotify asked for a pause longer than this run can wait."""

    advice = "Nothing will be asked of Spotify before that time; the next scheduled run then goes on by itself."
    status = "deferred"
    stops_run = True


# Spotify, one playlist.


class NotReadable(Final):
    """403: this app or this sign-in may not read the playlist's entries."""

    advice = (
        "Apps created since 11 February 2026 read only playlists that the signed-in user owns or collaborates on: sign "
        "in as the owner, or become a collaborator, or use an app with extended quota. Where `me` is followed, a line "
        "-<link> in config/playlists.txt leaves a list out that you only follow."
    )
    status = "forbidden"


class SignInNeeded(Final):
    """What is asked for belongs to a user, and no user is signed in, or agreed to less."""

    advice = (
        "Sign in with `chartlake login`: it asks for what the followed lists need (playlist-read-private, and for "
        "`me` and `me/liked` user-library-read). An app alone can never read what is a user's own."
    )
    status = "forbidden"


class NotFound(Final):
    """404: deleted, private, or one of Spotify's own lists; Spotify does not say which."""

    advice = (
        "Check the link. A private playlist needs its owner's sign-in. Spotify's own lists (ids that begin with "
        "37i9dQ, such as the Top 50) cannot be read by apps registered after 27 November 2024: for charts, download "
        "the CSV files from charts.spotify.com instead, and `chartlake import` them."
    )
    status = "not_found"


class SpotifyUnavailable(Retryable):
    """5xx, time-outs, broken connections, empty or unreadable answers."""

    advice = "Spotify or the network is failing; run `chartlake extract` again later, it repairs today's snapshot."
    status = "unavailable"


class InconsistentPlaylist(Retryable):
    """The playlist kept changing while it was read, or entries were missing, after all re-reads."""

    advice = "Nothing was stored, so no wrong day exists; run `chartlake extract` again when nobody edits the playlist."
    status = "incomplete"


class UnknownShape(Final):
    """Spotify answered something whose meaning is unknown; guessing would corrupt history."""

    advice = "The raw answer is kept under raw/. If Spotify changed its API, a newer chartlake can replay it."
    status = "suspect"

    def __init__(self, message: str, *, advice: str | None = None, evidence: tuple[Any, ...] = ()) -> None:
        """`evidence` holds the answers that could not be understood (`spotify.capture.Answer`), to be kept."""
        super().__init__(message, advice=advice)
        self.evidence = evidence


class UnexpectedStatus(UnknownShape):
    """An HTTP status that Spotify's playlists are not known to give, such as 204, 304, 410 or a redirect to nowhere."""

    advice = (
        "The answer is kept under raw/. Run `chartlake extract` again later; if it stays so, check SPOTIFY_API_URL and "
        "any proxy, and what Spotify says of this status."
    )


class OutOfTime(Retryable):
    """The time that this process may run is nearly over; the playlist was left for the next one."""

    advice = "The next run continues with it."
    status = "deferred"


# The lake, the settings.


class LakeUnavailable(Retryable):
    """The storage cannot be read or written."""

    advice = "Check that the bucket or folder exists, can be written, and has room; then run the same command again."
    stops_run = True


class QueueUnavailable(Retryable):
    """The queue of a run that is spread over workers cannot be used."""

    advice = "Check that CHARTLAKE_QUEUE names a queue of this account and region, and that the function may use it."
    stops_run = True


class BadSetting(Final):
    """A setting or a request has a value that cannot be used; the message names it and shows a right one."""

    advice = "Correct the value and run the same command again; nothing was asked of Spotify or changed in the lake."


class NotKept(Final):
    """What was asked for is not in the lake: a playlist, a day of it, or a track."""

    advice = "`chartlake coverage` shows which playlists and days are kept."


class AnswerChanged(Final):
    """A cursor goes on with an answer that is another one by now."""

    advice = "Begin again without the cursor."


class TooLarge(Final):
    """More would have to be looked through than one HTTP answer has time for."""

    advice = "Ask where there is more time and memory: `chartlake charts` on your machine, or Athena."


class KeyTaken(BadSetting):
    """The key of a request was sent with another request before."""

    advice = "Send another key; a key means one request for ever."


class DamagedFile(Final):
    """A file in the lake is not what chartlake wrote."""

    advice = "Restore the file (the bucket keeps versions), or move it away and rebuild the day from raw."


class SchedulerRefused(Final):
    """The system's own scheduler did not take, or not give back, what runs chartlake every day."""

    advice = (
        "The files shown above are right as they are: install them by hand, or run the command again. `chartlake "
        "schedule --remove` undoes what was done."
    )


class ChannelFailed(Retryable):
    """A channel (mail, a webhook, EventBridge) did not take what it was to be told."""

    advice = "The next run tells it again; `chartlake watch list` shows since when it fails."


# A deployed chartlake, over HTTP.


class ApiRefused(Final):
    """The API does not accept who asks, or there is no chartlake at that address."""

    advice = (
        "Check the URL that `make deploy` printed, and that this AWS identity (`aws sts get-caller-identity`) may "
        "execute-api:Invoke on it."
    )


class ApiUnavailable(Retryable):
    """The API cannot be reached, or fails without a word of chartlake's."""

    advice = "Check the URL and the network, then run the same command again; with --key it is carried out only once."


# History files.


class BadImport(Final):
    """A history file, or some lines of it, cannot be imported; nothing of it was.

    `problems` holds all of them as (line, reason), the line 1-based; line 0 means the file as a whole.
    """

    advice = (
        "Correct what is named, or import the rest and keep the bad lines beside it with --skip-bad; nothing of this "
        "file was imported."
    )
    _shown = 5

    def __init__(self, file: str, problems: Sequence[tuple[int, str]], *, advice: str | None = None) -> None:
        shown = [f"line {line}: {reason}" if line else reason for line, reason in problems[: self._shown]]
        if len(problems) > self._shown:
            shown.append(f"and {len(problems) - self._shown} more")
        super().__init__(f"{file}: {'; '.join(shown)}", advice=advice)
        self.file = file
        self.problems = list(problems)
