"""The units of the contract: how money, ratios, moments and dates appear in a result."""

from __future__ import annotations

from typing import Annotated, Any, Literal


class Detail(dict[str, Any]):
    """A part of a schema, as the metadata of an annotated type."""

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(repr(sorted(self.items())))


Rupees = Annotated[str, Detail({"pattern": r"^-?\d+\.\d{2}$", "description": "rupees, exact, as text with two decimals"})]
Ratio = Annotated[float, Detail({"description": "a ratio or an average, rounded to four decimals: 0.0123 is 1.23 %"})]
Percent = Annotated[float, Detail({"description": "per cent, rounded to four decimals"})]
Points = Annotated[float, Detail({"description": "points from 0 to 100, rounded to four decimals"})]
Seconds = Annotated[float, Detail({"minimum": 0, "description": "seconds"})]
Count = Annotated[int, Detail({"minimum": 0})]
Shares = Annotated[int, Detail({"description": "number of shares"})]
Day = Annotated[str, Detail({"format": "date", "pattern": r"^\d{4}-\d{2}-\d{2}$", "description": "a date in India, YYYY-MM-DD"})]
Moment = Annotated[
    str,
    Detail(
        {"format": "date-time", "pattern": r"^\d{4}-\d{2}-\d{2}T.*\+05:30$", "description": "a moment in Indian time, ISO 8601"}
    ),
]
Clock = Annotated[str, Detail({"pattern": r"^\d{2}:\d{2}(:\d{2})?$", "description": "a time of day in India, HH:MM or HH:MM:SS"})]
Side = Literal["BUY", "SELL"]
TradingState = Literal["ACTIVE", "REDUCING", "HALTED"]
Mode = Literal["live", "paper", "simulated"]
Setting = Annotated[str, Detail({"description": "the value of a setting, exact, as `config set` accepts it"})]
Open = dict[str, Any]
"""An object whose keys depend on its subject, for example the inputs of a rule."""
