"""Provide the parameters of many settings under the names of `Parameters`: each is an array with one value per lane.

A rule that uses only operators works for one setting and for many lanes. A value that is equal in all settings stays one number.
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
    """Hold fractions as two arrays of integers."""

    numerators: Ints
    denominators: Ints


class SettingsTable:
    """Hold the parameters of all settings."""

    def __init__(self, settings: Sequence[Parameters]) -> None:
        self.settings = tuple(settings)
        self._columns: dict[str, Any] = {name: _column([getattr(item, name) for item in settings]) for name in names()}
        self._ratios: dict[str, Ratio] = {}
        self._amounts: dict[str, Ints] = {}

    def of(self, rows: Ints) -> ParameterArrays:
        """Return the parameters of lanes. `rows`: the number of the setting of each lane."""
        return ParameterArrays(self, rows)

    def column(self, name: str, rows: Ints) -> Any:
        """Return one parameter for lanes: an array, or one number if it is equal in all settings."""
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
        """Return an amount in paise for lanes, rounded up. `value`: computes it from a setting; `name`: its name in the cache."""
        if name not in self._amounts:
            self._amounts[name] = np.array([-(-value(item) // 1) for item in self.settings], dtype=np.int64)
        return self._amounts[name][rows]


class ParameterArrays:
    """Provide the attributes of `Parameters` for some lanes: each is a number, or an array with one value per lane."""

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
        """Return the maximum cost of one order in paise, charges included."""

        def whole(item: Parameters) -> Fraction:
            return Fraction(int(min(exact(item.capital_per_trade), exact(item.max_order_value)) * 100))

        return self._settings.amount("most", whole, self._rows)

    @property
    def least_reentry(self) -> Ints:
        """Return the minimum value of a re-entry in paise."""

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
