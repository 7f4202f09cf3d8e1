"""Timing several ways of doing the same, in turns, so that what else the machine does meets all of them alike."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from statistics import quantiles

__all__ = ["alternately", "percentile"]


async def alternately(ways: Mapping[str, tuple[Callable[[int], Awaitable[object]], int]]) -> dict[str, list[float]]:
    """Each way is given the number of the round, and is done as many times as is said with it, spread evenly; milliseconds of each time.
    The first time of each is not counted. A way that has something to prepare first returns what it took itself, as a float."""
    most = max(rounds for _, rounds in ways.values())
    took: dict[str, list[float]] = {name: [] for name in ways}
    for do, _ in ways.values():
        await do(-1)
    for index in range(most):
        for name, (do, rounds) in ways.items():
            if (index + 1) * rounds // most > index * rounds // most:
                began = time.perf_counter()
                own = await do(index)
                took[name].append(own if isinstance(own, float) else (time.perf_counter() - began) * 1000)
    return took


def percentile(values: list[float], part: int) -> float:
    """The value below which `part` percent of them are."""
    return quantiles(values, n=100, method="inclusive")[part - 1] if len(values) > 1 else values[0]
