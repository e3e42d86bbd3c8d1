"""Build a World from settings: live, paper or simulated. Only this package imports every adapter.

homes          create a home, and open it for a user
home_clock     choose the clock of a home
home_readings  read a home's ledger without a world
worlds         build live and paper worlds
exchanges      accept or replace a paper exchange that does not fit the ledger
simulations    build temporary worlds for past sessions
reports        write the report of a session
sources        open sessions, market data and live prices
tariffs        choose a user's table of charges
"""

from tradectl.bootstrap.exchanges import Accepted, accept_exchange, renew_exchange
from tradectl.bootstrap.home_clock import before_the_last_event
from tradectl.bootstrap.home_readings import capital_of, only_user, parameters_of, schedule_of
from tradectl.bootstrap.homes import exists, init, open_world
from tradectl.bootstrap.simulations import open_simulation, reopen_simulation
from tradectl.bootstrap.sources import no_bars, open_past, open_prices, open_sessions, open_store
from tradectl.bootstrap.worlds import LiveWorld, PaperWorld, live_account, read_only_account

__all__ = [
    "Accepted",
    "LiveWorld",
    "PaperWorld",
    "accept_exchange",
    "before_the_last_event",
    "capital_of",
    "exists",
    "init",
    "live_account",
    "no_bars",
    "only_user",
    "open_past",
    "open_prices",
    "open_sessions",
    "open_simulation",
    "open_store",
    "open_world",
    "parameters_of",
    "read_only_account",
    "renew_exchange",
    "reopen_simulation",
    "schedule_of",
]
