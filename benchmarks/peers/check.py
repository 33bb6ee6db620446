"""Whether two engines took the same trades. A comparison of speed is worth nothing where they did not.

Our prices are whole ticks, ours of a buy rounded up and of a sell down; a peer's are not. Peers take the fee of a buy
out of the cash, we out of what was bought, as the exchange does: returns agree to about a fee's square.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

TICK, RELATIVE, RETURN = 0.01, 1e-6, 1e-4
ENTRY_BAR, ENTRY_PRICE, EXIT_BAR, EXIT_PRICE, GAIN = range(5)


def difference(ours: NDArray[np.float64], theirs: NDArray[np.float64]) -> str:
    """Return what differs first between two lists of trades; empty where nothing does."""
    if ours.shape != theirs.shape:
        return f"{len(theirs)} trades, not {len(ours)}"
    for name, column in (("entry bar", ENTRY_BAR), ("exit bar", EXIT_BAR)):
        wrong = np.flatnonzero(ours[:, column] != theirs[:, column])
        if len(wrong):
            return f"{name} of trade {wrong[0]}: {theirs[wrong[0], column]:.0f}, not {ours[wrong[0], column]:.0f}"
    for name, column, allowed in (
        ("entry price", ENTRY_PRICE, TICK + RELATIVE * ours[:, ENTRY_PRICE]),
        ("exit price", EXIT_PRICE, TICK + RELATIVE * ours[:, EXIT_PRICE]),
        ("return", GAIN, np.full(len(ours), RETURN)),
    ):
        wrong = np.flatnonzero(~(np.abs(ours[:, column] - theirs[:, column]) <= allowed))
        if len(wrong):
            return f"{name} of trade {wrong[0]}: {theirs[wrong[0], column]:.8g}, not {ours[wrong[0], column]:.8g}"
    return ""


def same_trades(rows: dict[str, dict[str, Any]], base: str) -> None:
    """End the benchmark where a row's trades are not those of `base`."""
    ours = np.array(rows[base]["trades"])
    for name, row in rows.items():
        if "trades" in row and (found := difference(ours, np.array(row["trades"]))):
            raise SystemExit(f"{name} took other trades than we: {found}")


def same_counts(rows: dict[str, dict[str, Any]], base: str) -> None:
    """End the benchmark where a row closed another number of trades than `base` in any combination."""
    ours = np.array(rows[base]["closed"])
    for name, row in rows.items():
        if "closed" not in row:
            continue
        wrong = np.flatnonzero(ours != np.array(row["closed"]))
        if len(wrong):
            found = row["closed"][wrong[0]]
            raise SystemExit(f"{name} closed {found} trades in combination {wrong[0]}, not {ours[wrong[0]]:.0f}")
