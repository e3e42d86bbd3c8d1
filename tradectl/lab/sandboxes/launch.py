"""Make the sandboxes of `tradectl sandbox`, with the settings that a live home needs to trade at them."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING

from msgspec import Struct

from tradectl.lab.sandboxes.broker_sandbox import BrokerSandbox
from tradectl.lab.sandboxes.server import Sandbox

if TYPE_CHECKING:
    from tradectl.bootstrap import PaperWorld


class LaunchedSandbox(Struct, frozen=True):
    """A server that is not started yet. `tradectl broker set` takes the `addresses` and the `credentials`."""

    name: str
    sandbox: Sandbox
    addresses: Mapping[str, str]
    credentials: Mapping[str, str]

    def hint(self) -> str:
        """Return the shell command that stores the addresses and credentials in a home."""
        addresses = " ".join(f"--address {name}={url}" for name, url in self.addresses.items())
        lines = "\\n".join(f"{name}={value}" for name, value in self.credentials.items())
        return f"printf {shlex.quote(lines + chr(92) + 'n')} | tradectl broker set {self.name} {addresses}"


def kite(world: PaperWorld, port: int) -> LaunchedSandbox:
    """Return a sandbox of Kite with its stream."""
    from tradectl.lab.sandboxes.kite import KiteSandbox

    sandbox = KiteSandbox(lambda: world.broker, lambda: world.market, world.clock, world.sessions, stream=True, port=port)
    addresses = {"api": sandbox.url, "login": f"{sandbox.url}/connect/login", "stream": sandbox.stream_url}
    return LaunchedSandbox("kite", sandbox, addresses, {"api_key": sandbox.tokens.key, "api_secret": sandbox.tokens.secret})


def kotak_neo(world: PaperWorld, port: int) -> LaunchedSandbox:
    """Return a sandbox of Kotak Neo with its stream and one registered client."""
    from tradectl.lab.sandboxes.kotak_neo import CONFIG, KotakNeoSandbox, RegisteredClient

    client = RegisteredClient("sandboxkey", "+919800000000", "ASHA1", "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", "246810")
    sandbox = KotakNeoSandbox(
        lambda: world.broker, clock=world.clock, market=lambda: world.market, client=client, stream=True, port=port
    )
    credentials = {name: getattr(client, name) for name in ("consumer_key", "mobile_number", "ucc", "totp_secret", "mpin")}
    addresses = {"login": sandbox.url, "config": sandbox.url + CONFIG}
    return LaunchedSandbox("kotak_neo", sandbox, addresses, credentials)


def openalgo(world: PaperWorld, port: int) -> LaunchedSandbox:
    """Return a sandbox of OpenAlgo with its Zerodha adapter."""
    from tradectl.lab.sandboxes.openalgo import OpenAlgoSandbox

    key = "openalgo-key"
    sandbox = OpenAlgoSandbox(lambda: world.broker, world.clock, api_key=key, market=lambda: world.market, port=port)
    sandbox.cancel_status = 500
    return LaunchedSandbox("openalgo", sandbox, {"api": sandbox.url}, {"api_key": key})


def packaged(name: str, entry: BrokerSandbox, world: PaperWorld, port: int) -> LaunchedSandbox:
    """Return the sandbox that another package provides."""
    sandbox = entry.sandbox(lambda: world.broker, world.market, world.clock, world.sessions, port=port)
    return LaunchedSandbox(name, sandbox, entry.addresses(sandbox.url), entry.credentials)
