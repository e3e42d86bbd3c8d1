"""Decide by which names a browser may reach the page, and read or make the token that it needs."""

from __future__ import annotations

import ipaddress
import os
import re
import secrets
import socket
from collections.abc import Iterable
from pathlib import Path

from msgspec import Struct

from tradectl.errors import ConfigurationError, UsageError
from tradectl.file_permissions import OTHERS
from tradectl.files import create_file
from tradectl.redaction import remember

LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]")
"""The names of this machine that no other machine can use."""
HTTP = 80
"""The port that browsers leave out of the header Host."""
LEAST_TOKEN = 16
"""Characters of the shortest token that is accepted."""
_NAME = re.compile(r"(?P<name>[a-z0-9]([a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])(?P<port>:[0-9]{1,5})?")
_TOKEN = re.compile(r"[A-Za-z0-9._~-]+")


class Access(Struct, frozen=True):
    """How a request must be made.

    Attributes:
        hosts: The allowed values of the header Host, in lower case.
        token: The text that a request must have; empty if none is needed.
        cookie: The name of the cookie with the token. Cookies of one machine are shared by its ports, so it names the port.
    """

    hosts: frozenset[str]
    token: str
    cookie: str

    def is_token(self, text: str) -> bool:
        """Return whether a text is the token. The comparison takes the same time for every wrong text."""
        return secrets.compare_digest(text.encode(), self.token.encode())


def bound_socket(host: str, port: int) -> socket.socket:
    """Return a socket that listens at a host and a port; 0 means any free port.

    Raises:
        UsageError: The host has no address.
        ConfigurationError: The address is not of this machine, or its port is in use.
    """
    try:
        family, *_, address = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError) as error:
        raise UsageError(f"--host {host} has no address: {getattr(error, 'strerror', None) or error}") from error
    try:
        return socket.create_server(address[:2], family=family)
    except OSError as error:
        raise ConfigurationError(
            f"the page cannot listen at {host} port {port}: {os.strerror(error.errno or 0)}. Choose another with --port or --host"
        ) from error


def access_to(listening: socket.socket, host: str, names: Iterable[str], token: str) -> Access:
    """Return how requests must be made to a socket.

    Args:
        host: The host as the user named it.
        names: Further names by which browsers reach the page, such as that of a proxy in front of it.
        token: Empty if no token file is given.

    Raises:
        UsageError: A name is no host name, or an address of all networks has no name.
        ConfigurationError: The page could be reached from other machines without a token.
    """
    further = [_name(name) for name in names]
    bound, port = listening.getsockname()[:2]
    address = ipaddress.ip_address(bound)
    if address.is_unspecified and not further:
        raise UsageError(f"--host {host} listens in every network: name the address that browsers use, with --name NAME")
    local = address.is_loopback and all(found["name"] in LOOPBACK_NAMES for found in further)
    if not local and not token:
        raise ConfigurationError(
            "other machines could read the account: --token-file FILE is needed (a missing file is made with a new token)"
        )
    own = {bracketed(bound), bracketed(host.lower())} if not address.is_unspecified else set()
    own |= set(LOOPBACK_NAMES) if address.is_loopback or address.is_unspecified else set()
    hosts = {f"{name}:{port}" for name in own} | {found[0] for found in further}
    hosts |= {f"{found['name']}:{port}" for found in further if not found["port"]}
    return Access(frozenset(hosts | (own if port == HTTP else set())), token, f"tradectl-{port}")


def bracketed(address: str) -> str:
    """Return an address as a URL has it: IPv6 in brackets."""
    return f"[{address}]" if ":" in address and not address.startswith("[") else address


def _name(text: str) -> re.Match[str]:
    """Return a host name in lower case, with its port if it has one. Raises UsageError for any other text."""
    found = _NAME.fullmatch(bracketed(text.lower()) if text.count(":") > 1 else text.lower())
    if found is None:
        raise UsageError(f"--name {text!r} is not the name or the address of a machine: write NAME or NAME:PORT")
    return found


def read_token(file: Path) -> tuple[str, str]:
    """Return the token of a file, and a line about a made file or about one that others can read; a missing file is made.

    Raises ConfigurationError if the file cannot be read or made, or has no token.
    """
    note = ""
    try:
        if not file.exists() and create_file(file, f"{secrets.token_urlsafe(32)}\n".encode()):
            note = f"made a new token in {file}"
        elif file.stat().st_mode & OTHERS:
            note = f"other accounts of this machine can read the token: chmod 600 {file}"
        token = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"the token file {file} cannot be used: {getattr(error, 'strerror', None) or error}") from error
    if len(token) < LEAST_TOKEN or not _TOKEN.fullmatch(token):
        raise ConfigurationError(
            f"the token in {file} must have {LEAST_TOKEN} or more letters, digits, or the characters . _ ~ -; "
            "remove the file and a new token is made"
        )
    return remember(token), note
