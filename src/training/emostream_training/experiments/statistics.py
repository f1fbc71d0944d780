"""Means over seeds and paired differences between forms trained with the same seeds."""
from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Iterable, Mapping

# 97.5% quantile of Student's t for 1 to 30 degrees of freedom.
T975 = (12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622, 2.2281, 2.2010, 2.1788, 2.1604, 2.1448, 2.1314,
        2.1199, 2.1098, 2.1009, 2.0930, 2.0860, 2.0796, 2.0739, 2.0687, 2.0639, 2.0595, 2.0555, 2.0518, 2.0484, 2.0452, 2.0423)


@dataclass(frozen=True)
class Summary:
    """Mean and standard deviation (n - 1) over seeds; no deviation from one seed."""

    mean: float
    deviation: float | None
    count: int


@dataclass(frozen=True)
class Difference:
    """Mean of the seeds' differences and its 95% t-interval; no interval from one pair."""

    mean: float
    low: float | None
    high: float | None
    count: int

    @property
    def sure(self) -> bool:
        """Whether the interval leaves out zero."""
        return self.low is not None and (self.low > 0 or self.high < 0)


def summary(values: Iterable[float]) -> Summary:
    x = list(values)
    mean = math.fsum(x) / len(x)
    return Summary(mean, _deviation(x, mean) if len(x) > 1 else None, len(x))


def paired(ours: Mapping[int, float], theirs: Mapping[int, float]) -> Difference | None:
    """Ours minus theirs over the seeds that both have; none without a common seed."""
    x = [ours[seed] - theirs[seed] for seed in sorted(set(ours) & set(theirs))]
    if not x:
        return None
    mean = math.fsum(x) / len(x)
    if len(x) == 1:
        return Difference(mean, None, None, 1)
    half = T975[min(len(x) - 1, len(T975)) - 1] * _deviation(x, mean) / math.sqrt(len(x))
    return Difference(mean, mean - half, mean + half, len(x))


def _deviation(x: list[float], mean: float) -> float:
    return math.sqrt(math.fsum((v - mean) ** 2 for v in x) / (len(x) - 1))
