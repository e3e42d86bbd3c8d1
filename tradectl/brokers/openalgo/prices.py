"""What an account behind OpenAlgo sees of the market.

Who is given these prices is given no way to an order: they are read only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from tradectl.brokers.adapter import Account
from tradectl.brokers.openalgo import quotation, rows
from tradectl.brokers.openalgo.api import Reads
from tradectl.model.market import Quote
from tradectl.model.odd_rows import OddRow, Quotes


class OpenAlgoPrices:
    """`PriceSource` of one account. Makes no request by itself; errors are those of the port `Broker`."""

    name = "openalgo"
    delay = timedelta(0)

    def __init__(self, account: Account, reads: Reads) -> None:
        self._clock, self._sessions, self._reads = account.clock, account.sessions, reads

    def close(self) -> None:
        self._reads.close()

    def quotes(self, symbols: Sequence[str]) -> Mapping[str, Quote]:
        """As many requests as there are 50 symbols. A quote's time is that of the question (`quotation`); it has no band."""
        asked = list(dict.fromkeys(symbols))
        found: dict[str, Quote] = {}
        odd: list[OddRow] = []
        for start in range(0, len(asked), quotation.BATCH):
            names = [{"symbol": symbol, "exchange": rows.EXCHANGE} for symbol in asked[start : start + quotation.BATCH]]
            now = self._clock.now()
            answer = self._reads.read(
                "multiquotes",
                lambda content, now=now: quotation.quotes(content["results"], self._sessions, now),  # type: ignore[misc]
                symbols=names,
            )
            found |= answer
            odd += answer.odd
        return Quotes({symbol: quote for symbol, quote in found.items() if symbol in set(asked)}, odd)
