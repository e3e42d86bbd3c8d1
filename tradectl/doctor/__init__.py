"""Check whether this installation can trade a day, and list what a person should check before (`doctor`).

finding   what a check finds, and how checks are run
files     whether this user can read and write the home
home      the ledger, its key, the disk, the calendar, what starts the tasks, notifications
market    the stored prices that decisions depend on
account   the broker: credentials, session, clock, and the replies that tasks will need
preflight what today's first order needs

Nothing is traded or changed, at home or at the broker. Facts about the account that no task needs are read too.
"""

from tradectl.doctor.examination import examine
from tradectl.doctor.finding import Finding, State

__all__ = ["Finding", "State", "examine"]
