"""No test reaches another host, in this process or in one that it starts."""

from __future__ import annotations

import socket
import subprocess
import sys

import pytest


def test_another_host_is_out_of_reach():
    with pytest.raises(OSError, match=r"a test wants to reach www\.nseindia\.com"):
        socket.create_connection(("www.nseindia.com", 443), timeout=1)
    with socket.socket() as one, pytest.raises(OSError, match=r"a test wants to reach 203\.0\.113\.7"):
        one.connect(("203.0.113.7", 443))


def test_this_host_is_within_reach():
    with socket.create_server(("127.0.0.1", 0)) as server:
        for host in ("127.0.0.1", "localhost"):
            socket.create_connection((host, server.getsockname()[1]), timeout=1).close()


def test_a_process_of_a_test_is_offline_too():
    line = "import socket; socket.create_connection(('www.nseindia.com', 443))"
    done = subprocess.run([sys.executable, "-c", line], capture_output=True, text=True, check=False)
    assert "a test wants to reach www.nseindia.com" in done.stderr
