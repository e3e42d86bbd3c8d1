"""Smooth the rows of a panel in blocks: the recurrence of `indicators`, y = x if x == y else (1-a)*y + a*x, for all symbols.

A row is a session. Only y needs the row before, so all other work is done for a block of rows at once, which stays in the
processor's cache. The case x == y is rare: a block is computed without it, and then its symbols with such a value again, step by
step. Each operation is rounded separately, so the bits do not depend on the blocks.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tradectl.model.history import Floats

Mask = NDArray[np.bool_]
_BLOCK = 24_576
"""Approximate number of values of a block."""
_LINE = 8
"""Number of values of a cache line."""
_LEAST = 4
"""Least number of rows of a block."""


_NONE: NDArray[np.intp] = np.empty(0, dtype=np.intp)


class Places(NamedTuple):
    """Hold the symbols with a first bar, and those with a gap, by the number of the row.

    An average starts with the first bar. It does not change in a gap.
    """

    starts: Mapping[int, Mask]
    gaps: Mapping[int, Mask]


def blocks(rows: int, symbols: int) -> Iterator[tuple[int, int]]:
    """Yield the begin and the end of each block of a panel's rows."""
    size = block_rows(symbols)
    for begin in range(0, rows, size):
        yield begin, min(begin + size, rows)


def block_rows(symbols: int) -> int:
    """Return the number of rows of a block."""
    return max(_LEAST, _BLOCK // max(symbols, 1))


def buffer(shape: tuple[int, ...]) -> Floats:
    """Return a new array that begins at a cache line. Other arrays take up to twice as long in numpy's vector instructions."""
    size = math.prod(shape)
    values = np.empty(size + _LINE)
    begin = -(values.__array_interface__["data"][0] // values.itemsize) % _LINE
    return values[begin : begin + size].reshape(shape)


class Smoother:
    """Smooth blocks of rows in place. The buffers are allocated once.

    Args:
        share: The weight a of a new value: one number, or an array that broadcasts to a row.
        shape: The shape of the averages of a block: (rows, symbols), or (rows, several averages, symbols). A block may have fewer
            rows.
    """

    def __init__(self, share: float | Floats, shape: tuple[int, ...]) -> None:
        self.share, self.keep = share, 1.0 - np.asarray(share)
        self._keep = np.broadcast_to(self.keep, shape[1:]).ravel() if self.keep.ndim else self.keep
        self._part = buffer((math.prod(shape[1:]),))
        self._equal = np.empty(shape, dtype=np.bool_)

    def smooth(self, averages: Floats, values: Floats, places: Places, first: int) -> NDArray[np.intp]:
        """Replace the values of a block by their averages. Return the symbols that need `step`, because of an equal value.

        Args:
            averages: One row more than the block, contiguous: the averages before it, then each value x `share`.
            values: The values. A number that cannot be equal to its average may stand for a value of 0.
            places: The first bars and the gaps, by number of the row.
            first: The number of the block's first row.
        """
        part, keep, multiply, add = self._part, self._keep, np.multiply, np.add
        before, *rows = averages.reshape(len(averages), -1)  # one loop of numpy for all averages of a row
        for row, average in enumerate(rows):
            multiply(before, keep, part)
            add(average, part, average)
            if row + first in places.gaps:
                np.copyto(averages[row + 1], averages[row], where=places.gaps[row + first])
            if row + first in places.starts:
                np.copyto(averages[row + 1], values[row], where=places.starts[row + first])
            before = average
        equal = np.equal(values, averages[:-1], out=self._equal[: len(rows)])
        if not equal.any():
            return _NONE
        others = tuple(range(equal.ndim - 1))
        symbols = np.flatnonzero(equal.any(axis=others))
        # two zeros have the average 0 by both formulas
        found: NDArray[np.intp] = symbols[(equal[..., symbols] & (values[..., symbols] != 0.0)).any(axis=others)]
        return found

    def step(self, averages: Floats, values: Floats, places: Places, first: int, *, symbols: NDArray[np.intp]) -> None:
        """Compute the averages of some symbols again, row by row. `values`: those of these symbols; the rest as in `smooth`."""
        own = averages[..., symbols]
        for row, value in enumerate(values):
            before, average = own[row], own[row + 1]
            np.add(before * self.keep, value * self.share, out=average)
            still = value == before
            if (gap := places.gaps.get(first + row)) is not None:
                still |= gap[symbols]
            np.copyto(average, before, where=still)
            if (new := places.starts.get(first + row)) is not None:
                np.copyto(average, value, where=new[symbols])
        averages[..., symbols] = own
