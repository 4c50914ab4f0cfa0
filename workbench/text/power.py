"""How many decisions it takes to tell a rate from a coin. Exact binomial; pure."""

from __future__ import annotations

import math
from statistics import NormalDist

ALPHA = 0.05
POWER = 0.8
_EXACT_UP_TO = 400
"""Above this the normal approximation is off by less than one in a hundred."""


def wins_needed(n: int, alpha: float = ALPHA) -> int | None:
    """The least wins out of n that a two-sided binomial test against a coin calls significant.

    Returns:
        None where not even n wins would do.
    """
    tail, limit = 0, alpha / 2 * 2**n
    for wins in range(n, -1, -1):
        tail += math.comb(n, wins)
        if tail > limit:
            return wins + 1 if wins < n else None
    return None


def decisions_needed(rate: float, *, alpha: float = ALPHA, power: float = POWER) -> int | None:
    """Decisions from which on a true rate is told from one half with the given power.

    The power of an exact test goes up and down with n; the number is the first from which it stays above.

    Args:
        rate: True share, on either side of one half.
        alpha: Of the two-sided test.
        power: Chance to see it.

    Returns:
        None where the rate is one half, which no number tells.
    """
    share = max(rate, 1 - rate)
    gap = share - 0.5
    if gap < 1e-9:
        return None
    normal = NormalDist()
    reach = normal.inv_cdf(1 - alpha / 2) * 0.5 + normal.inv_cdf(power) * math.sqrt(share * (1 - share))
    about = math.ceil((reach / gap) ** 2 + 1 / gap)
    if about > _EXACT_UP_TO:
        return about
    enough = about + 40
    while enough > 1 and _power(enough - 1, share, alpha) >= power:
        enough -= 1
    return enough


def _power(n: int, share: float, alpha: float) -> float:
    needed = wins_needed(n, alpha)
    if needed is None:
        return 0.0
    return math.fsum(math.comb(n, k) * share**k * (1 - share) ** (n - k) for k in range(needed, n + 1))
