"""`doctor`: whether this installation can trade a day, and what a person should look at before it does.

finding   what a check finds, and how checks are run
files     whether this user can read and write the home
home      the ledger, its key, the disk, the calendar, who starts the tasks, who is told
market    the stored prices that decisions rest on
account   the broker: credentials, session, clock, and the answers that tasks will need

Nothing is traded or set, at home or at the broker. What no source says of a broker, and a broker can be asked, is asked here.
"""

from tradectl.doctor.examination import examine
from tradectl.doctor.finding import Finding, State

__all__ = ["Finding", "State", "examine"]
