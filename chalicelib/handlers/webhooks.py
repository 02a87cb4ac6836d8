"""Telling other programs: JSON over HTTPS, signed, or in the form that Slack and Discord take.

What goes out leaves this network: a name is looked up once, each of its addresses has to be a public one unless the
watchlist says `private`, and that very address is connected to. No redirect is followed, no proxy is asked.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import socket
import ssl
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any
from urllib.parse import urlsplit

from requests.utils import DEFAULT_CA_BUNDLE_PATH

from .. import __version__
from ..analysis.events import Event
from ..errors import BadSetting, ChannelFailed
from ..report.event_words import document, item_url, sentence
from ..time_and_chance import World

SIGNATURE = "Chartlake-Signature"
_MOST_EVENTS = 50
# Slack cuts at 40,000 characters and advises 4,000; Discord refuses more than 2,000.
_MOST_CHARACTERS = {"slack": 3500, "discord": 1900}
_TRIES = 4
# Seconds: for one connection or one part of an answer, for a whole request, and the longest pause between two.
_PATIENCE, _WHOLE, _LONGEST_PAUSE = 10.0, 20.0, 30.0
_MOST_BYTES = 10_000


@dataclass(frozen=True)
class Webhook:
    """One address. `form` is webhook, slack or discord; `secret` signs where there is one."""

    url: str
    form: str
    secret: str
    private: bool
    world: World

    def tell(self, events: Sequence[Event]) -> int:
        """Send one message with as many of these as it holds, and send it again while trouble may pass; gives how many
        events it held. Raises `ChannelFailed`."""
        count, body = _FORMS[self.form](events)
        for tried in range(1, _TRIES + 1):
            try:
                self._send(body, events[0].event_id)
                return count
            except ChannelFailed as error:
                pause = error.retry_after or self.world.random.uniform(0.5, 1) * 2**tried
                last = error.retried or tried == _TRIES or pause > _LONGEST_PAUSE
                if last or pause + _WHOLE > self.world.time_left():
                    raise
            self.world.sleep(pause)
        raise AssertionError("the last try returns or raises")

    def _send(self, body: bytes, name: str) -> None:
        """One request. Raises `ChannelFailed`; its `retried` says that trying again at once is in vain."""
        url = urlsplit(self.url)
        host, port = url.hostname or "", url.port or (443 if url.scheme == "https" else 80)
        connection = HTTPConnection(host, port, timeout=_PATIENCE)
        # One that drips bytes for ever would keep the run up.
        timer = threading.Timer(_WHOLE, lambda: connection.sock and connection.sock.shutdown(socket.SHUT_RDWR))
        timer.daemon = True
        try:
            connection.sock = _connected(host, port, self.private, encrypted=url.scheme == "https")
            timer.start()
            path = (url.path or "/") + (f"?{url.query}" if url.query else "")
            connection.request("POST", path, body, self._headers(body, name))
            answer = connection.getresponse()
            answer.read(_MOST_BYTES)
        except (OSError, ValueError, HTTPException) as error:
            raise ChannelFailed(f"{host} could not be told: {type(error).__name__}: {error}.") from None
        finally:
            timer.cancel()
            connection.close()
        if not 200 <= answer.status < 300:
            raise _refused(host, answer.status, answer.headers.get("Retry-After", ""))

    def _headers(self, body: bytes, name: str) -> dict[str, str]:
        headers = {
            "Host": urlsplit(self.url).netloc,
            "Content-Type": "application/json",
            "User-Agent": f"chartlake/{__version__}",
            "Idempotency-Key": name,
        }
        if self.secret:
            headers[SIGNATURE] = signature(self.secret, int(self.world.now().timestamp()), body)
        return headers


def signature(secret: str, moment: int, body: bytes) -> str:
    """`t=<seconds since 1970>,v1=<hex>`: the HMAC-SHA256 of the time, a full stop and the body."""
    digest = hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={moment},v1={digest}"


def is_genuine(secret: str, header: str, body: bytes, now: int, tolerance: int = 300) -> bool:
    """What a receiver asks: whether whoever knows the secret signed this body within the last few minutes."""
    time, _, _ = header.removeprefix("t=").partition(",")
    genuine = time.isdecimal() and hmac.compare_digest(signature(secret, int(time), body), header)
    return genuine and abs(now - int(time)) <= tolerance


def addresses(host: str, port: int, private: bool) -> list[str]:
    """The IP addresses of a host. Raises `BadSetting` where one of them is not for the public, and not said to be so;
    this machine's links (where clouds keep their credentials) are never told."""
    found = dict.fromkeys(str(one[4][0]) for one in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
    for text in found:
        address = _address(text)
        if not (_is_public(address) or (private and _may_be_named(address))):
            raise BadSetting(
                f"{host} is {address}, which is no public address.",
                advice="If it is yours, write private behind its address in config/watch.txt.",
            )
    return list(found)


def _address(text: str) -> IPv4Address | IPv6Address:
    """Without its zone; of one that stands for an IPv4 address, that one."""
    address = ip_address(text.partition("%")[0])
    return address.ipv4_mapped or address if isinstance(address, IPv6Address) else address


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    return address.is_global and not address.is_multicast


def _may_be_named(address: IPv4Address | IPv6Address) -> bool:
    return not (address.is_link_local or address.is_multicast or address.is_unspecified)


def _connected(host: str, port: int, private: bool, *, encrypted: bool) -> socket.socket:
    failure: OSError = OSError("it has no address")
    for address in addresses(host, port, private):
        try:
            connected = socket.create_connection((address, port), _PATIENCE)
        except OSError as error:
            failure = error
            continue
        if not encrypted:
            return connected
        return ssl.create_default_context(cafile=DEFAULT_CA_BUNDLE_PATH).wrap_socket(connected, server_hostname=host)
    raise failure


def _refused(host: str, status: int, retry_after: str) -> ChannelFailed:
    if 300 <= status < 400:
        why = f"{host} answered {status}: it leads to another address, and no redirect is followed."
    else:
        why = f"{host} answered {status}."
    error = ChannelFailed(why, retry_after=float(retry_after) if retry_after.isdecimal() else None)
    error.retried = status < 500 and status not in (408, 429)
    return error


def _signed(events: Sequence[Event]) -> tuple[int, bytes]:
    some = events[:_MOST_EVENTS]
    return len(some), _json({"events": [document(event) for event in some]})


def _slack(events: Sequence[Event]) -> tuple[int, bytes]:
    def line(event: Event) -> str:
        # The three signs that Slack reads as its own, so that no name can call a channel or hide a link.
        text = sentence(event).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        url = item_url(event)
        return f"• {text} <{url}|Spotify>" if url else f"• {text}"

    count, text = _fitting(events, line, _MOST_CHARACTERS["slack"])
    return count, _json({"text": text, "unfurl_links": False})


def _discord(events: Sequence[Event]) -> tuple[int, bytes]:
    def line(event: Event) -> str:
        text = "".join(f"\\{letter}" if letter in r"\*_~`|>#[]()" else letter for letter in sentence(event))
        url = item_url(event)
        return f"• {text} <{url}>" if url else f"• {text}"

    count, text = _fitting(events, line, _MOST_CHARACTERS["discord"])
    return count, _json({"content": text, "allowed_mentions": {"parse": []}})


def _fitting(events: Sequence[Event], line: Callable[[Event], str], most: int) -> tuple[int, str]:
    """As many lines as fit, one at least."""
    lines = [line(events[0])[:most]]
    for event in events[1:]:
        lines.append(line(event))
        if sum(map(len, lines)) + len(lines) > most:
            lines.pop()
            break
    return len(lines), "\n".join(lines)


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


_FORMS: dict[str, Callable[[Sequence[Event]], tuple[int, bytes]]] = {
    "webhook": _signed,
    "slack": _slack,
    "discord": _discord,
}
