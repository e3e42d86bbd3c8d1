"""Calculate the columns that come from the date of a session. The date of a bar is known on that bar."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tradectl.model.history import Floats, Ints

FIRST_ORDINAL = 719_163
"""date(1970, 1, 1).toordinal()."""
MONTHS, DAYS_OF_A_WEEK = 12, 7


def dates(sessions: Ints) -> NDArray[np.datetime64]:
    """Return ordinals as dates."""
    return (sessions - FIRST_ORDINAL).astype("datetime64[D]")


def month(sessions: Ints) -> Floats:
    """Return the month, 1 to 12; NaN where there is no session (-1)."""
    return _known(sessions, dates(sessions).astype("datetime64[M]").astype(np.int64) % MONTHS + 1)


def day(sessions: Ints) -> Floats:
    """Return the day of the month, 1 to 31; NaN where there is no session."""
    days = dates(sessions)
    return _known(sessions, (days - days.astype("datetime64[M]")).astype(np.int64) + 1)


def weekday(sessions: Ints) -> Floats:
    """Return the day of the week, 1 for Monday; NaN where there is no session."""
    return _known(sessions, (sessions - 1) % DAYS_OF_A_WEEK + 1)


def _known(sessions: Ints, values: Ints) -> Floats:
    return np.where(sessions >= 0, values.astype(np.float64), np.nan)
