"""Looking at the adapter costs nothing: what speaks to the network is loaded by who does."""

from __future__ import annotations

import subprocess
import sys


def test_the_declaration_loads_no_library_of_the_network() -> None:
    code = (
        "import sys; from tradectl.brokers.adapter import adapter; found = adapter('kite'); "
        "assert found.fields and found.limits and found.capabilities.amo; "
        "print([name for name in ('requests', 'websockets', 'kiteconnect') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
