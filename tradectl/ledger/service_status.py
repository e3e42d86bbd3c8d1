"""Store the heartbeats of the services that start tasks: a row for the daemon and a row for `run-due`, updated each minute."""

from __future__ import annotations

from datetime import datetime, timedelta

from msgspec import Struct
from sqlalchemy import select, update

from tradectl.ledger.engine import Database
from tradectl.ledger.process_identity import is_alive
from tradectl.ledger.schema import service_status as rows
from tradectl.ledger.upserts import insert_new

STALE = timedelta(minutes=3)
"""The age of the last heartbeat at which a service counts as ended: three missed heartbeats."""


class ServiceRow(Struct, frozen=True):
    """A row of `service_status`. Both moments are machine time."""

    user: str
    service: str
    owner: str
    status: str
    started_at: datetime
    beat_at: datetime
    detail: str

    def running(self, machine_now: datetime) -> bool:
        """Return whether the heartbeat is recent and the process may be alive. `run-due` ends after each pass by design."""
        lately = abs(machine_now - self.beat_at) < STALE
        return self.status == "running" and lately and (self.service == "run-due" or is_alive(self.owner))


class Service:
    """The services of one user."""

    def __init__(self, database: Database, user: str) -> None:
        self.database = database
        self.user = user

    def beat(self, service: str, owner: str, machine_now: datetime, detail: str = "") -> None:
        """Write a heartbeat of `daemon` or `run-due`. A new owner sets `started_at`."""
        values = {"owner": owner, "status": "running", "beat_at": machine_now, "detail": detail}
        with self.database.write() as connection:
            if insert_new(connection, rows, {"user": self.user, "service": service, "started_at": machine_now, **values}):
                return
            mine = (rows.c.user == self.user, rows.c.service == service)
            same = connection.execute(update(rows).where(*mine, rows.c.owner == owner).values(**values)).rowcount
            if not same:
                connection.execute(update(rows).where(*mine).values(**values, started_at=machine_now))

    def stop(self, service: str, owner: str, machine_now: datetime, detail: str = "") -> None:
        """Write that a service has ended normally; write nothing if another owner has replaced it."""
        mine = (rows.c.user == self.user, rows.c.service == service, rows.c.owner == owner)
        with self.database.write() as connection:
            connection.execute(update(rows).where(*mine).values(status="stopped", beat_at=machine_now, detail=detail))

    def list(self) -> tuple[ServiceRow, ...]:
        """Return the services of the user, by name."""
        with self.database.read() as connection:
            found = connection.execute(select(*rows.c).where(rows.c.user == self.user).order_by(rows.c.service)).all()
        return tuple(ServiceRow(*row) for row in found)
