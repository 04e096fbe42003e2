"""An error budget: how much of a period a service may fail, and how much of that one scenario may.

0.1% of 30d          43m12s of failure in 30 days
5% of 0.1% of 30d    the same budget, of which this scenario may burn a twentieth
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Self

from resilience.model.values import Duration, Share

EXPECTED = "a share of a period, such as `0.1% of 30d`, or `5% of 0.1% of 30d`"


@dataclass(frozen=True, slots=True, order=True)
class ErrorBudget:
    """`share` of `part` of `period`; `part` is the share that the objective allows to fail, at most
    half, because `99.9% of 30d` would mean the objective itself."""

    part: Share
    period: Duration
    share: Share = Share(Fraction(1))  # noqa: RUF009 - immutable

    @classmethod
    def parse(cls, text: str) -> Self:
        """Two or three terms, joined by `of`; the last is the period."""
        *shares, period = (term.strip() for term in text.split(" of "))
        try:
            found, length = [Share.parse(each) for each in shares], Duration.parse(period)
        except ValueError:
            raise ValueError(EXPECTED) from None
        if len(found) not in (1, 2) or not length.exact or found[-1].exact > Fraction(1, 2):
            raise ValueError(EXPECTED)
        return cls(found[-1], length, found[0] if len(found) == 2 else Share(Fraction(1)))

    @property
    def whole(self) -> Fraction:
        """Seconds of failure in the period."""
        return self.part.exact * self.period.exact

    @property
    def allowed(self) -> Fraction:
        """Seconds of failure that this scenario may cause."""
        return self.share.exact * self.whole

    def __str__(self) -> str:
        budget = f"{self.part} of {self.period}"
        return budget if self.share.exact == 1 else f"{self.share} of {budget}"
