"""The parameters of many settings, read like those of one: each attribute is an array with one value per lane.

A rule with only operators works for one symbol with one setting and for a thousand lanes. A value that all settings
share stays one plain number.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from tradectl.exchange.rates import Tariff
from tradectl.model.history import Ints
from tradectl.strategy.parameters import Parameters, exact, names


class Ratio(NamedTuple):
    """Fractions as two arrays of whole numbers."""

    numerators: Ints
    denominators: Ints


class SettingsTable:
    """The parameters by number of the setting."""

    def __init__(self, settings: Sequence[Parameters]) -> None:
        self.settings = tuple(settings)
        self._columns: dict[str, Any] = {name: _column([getattr(item, name) for item in settings]) for name in names()}
        self._ratios: dict[str, Ratio] = {}
        self._amounts: dict[str, Ints] = {}

    def of(self, rows: Ints) -> ParameterArrays:
        """Return the parameters of lanes. `rows`: the number of the setting of each lane."""
        return ParameterArrays(self, rows)

    def column(self, name: str, rows: Ints) -> Any:
        """Return the values of one parameter for lanes: an array, or one number where all settings agree."""
        values = self._columns[name]
        return values[rows] if isinstance(values, np.ndarray) else values

    def ratio(self, name: str, rows: Ints) -> Ratio:
        """Return a parameter that is a fraction (such as 0.005), exactly, as numerators and denominators."""
        if name not in self._ratios:
            found = [exact(getattr(item, name)) for item in self.settings]
            whole = [(item.numerator, item.denominator) for item in found]
            small = all(max(pair) < 2**62 for pair in whole)
            kind: Any = np.int64 if small else object
            self._ratios[name] = Ratio(*(np.array(column, dtype=kind) for column in zip(*whole, strict=True)))
        known = self._ratios[name]
        return Ratio(known.numerators[rows], known.denominators[rows])

    def amount(self, name: str, value: Callable[[Parameters], Fraction], rows: Ints) -> Ints:
        """Return an amount computed from each setting by `value` (paise), rounded up to the paisa."""
        if name not in self._amounts:
            self._amounts[name] = np.array([-(-value(item) // 1) for item in self.settings], dtype=np.int64)
        return self._amounts[name][rows]


class ParameterArrays:
    """The parameters of some lanes. Attributes are those of `Parameters`: a number, or an array with one value per lane."""

    def __init__(self, settings: SettingsTable, rows: Ints) -> None:
        self._settings, self._rows = settings, rows

    def __getattr__(self, name: str) -> Any:
        return self._settings.column(name, self._rows)

    def ratio(self, name: str) -> Ratio:
        """Return a parameter that is a fraction (such as 0.005), exactly, as numerators and denominators."""
        return self._settings.ratio(name, self._rows)

    @property
    def tariff(self) -> Tariff:
        """Return the table of charges, which all settings of a run share."""
        return self._settings.settings[0].tariff

    @property
    def most(self) -> Ints:
        """Return the most that one order may cost, charges included (paise)."""

        def whole(item: Parameters) -> Fraction:
            return Fraction(int(min(exact(item.capital_per_trade), exact(item.max_order_value)) * 100))

        return self._settings.amount("most", whole, self._rows)

    @property
    def least_reentry(self) -> Ints:
        """Return the least worth of a re-entry (paise)."""

        def least(item: Parameters) -> Fraction:
            return exact(item.reentry_least) * exact(item.capital_per_trade) * 100

        return self._settings.amount("least_reentry", least, self._rows)

    def one(self, i: int) -> Parameters:
        """Return the parameters of one lane."""
        return self._settings.settings[int(self._rows[i])]

    def where(self, chosen: Any) -> ParameterArrays:
        """Return the parameters of some of these lanes, by a mask, indices or a slice."""
        return ParameterArrays(self._settings, self._rows[chosen])


def _column(values: list[Any]) -> Any:
    return values[0] if all(value == values[0] for value in values) else np.array(values)
