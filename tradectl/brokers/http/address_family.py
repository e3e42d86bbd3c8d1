"""Choose IPv4 or IPv6 for the connections to a broker, because a broker accepts orders only from listed addresses.

A machine with both protocols connects over IPv6 first, and the broker then sees an address that is not listed. So with a listed
IPv4 address, connections use IPv4 alone: a socket that is bound to an IPv4 address never connects over IPv6.

Sources: three public repositories and Kite's forum (2026: an order over IPv6 is refused where the IPv4 is listed);
kotakneo.com, static-ip-details (two IPv4 addresses).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tradectl.brokers.adapter import Field, Vault
from tradectl.errors import ConfigurationError

CONNECT, READ = 3.05, 7.0
"""Time-outs in seconds: to connect, and to read one part of a reply. A whole reply may take 4 x READ (`deadline`)."""
Source = tuple[str, int] | None
"""The local address and port of a connection; port 0 is any free port. With None the machine chooses both."""
SOURCES: Mapping[str, Source] = {"ipv4": ("0.0.0.0", 0), "ipv6": ("::", 0), "any": None}
CONNECT_BY = Field(
    "connect_by",
    "the protocol of the connections, that of the address listed at the broker: ipv4, ipv6 or any",
    secret=False,
    default="ipv4",
)


def source_of(vault: Vault) -> Callable[[], Source]:
    """Return a function that reads the setting `connect_by` of an account and returns the local address.

    The function raises ConfigurationError for a text other than ipv4, ipv6 or any.
    """

    def source() -> Source:
        word = (vault.get(CONNECT_BY.name) or CONNECT_BY.default or "").strip().lower()
        if word not in SOURCES:
            raise ConfigurationError(
                f"{CONNECT_BY.name} must be ipv4, ipv6 or any, not {word!r}: `tradectl broker set` changes it"
            )
        return SOURCES[word]

    return source


def protocol_hint(source: Source) -> str:
    """Return the text that names the configured protocol in the message of a failed connection, empty for `any`."""
    name = next((word for word, of in SOURCES.items() if of == source and of is not None), "")
    return f" by {name} (the setting {CONNECT_BY.name} of `tradectl broker set`)" if name else ""


def any_source() -> Source:
    """Return None, so that the machine chooses the local address."""
    return None
