"""Make a search's chunks in a process that a crash test can kill.

Usage: `python -m backtests.optimisation.tests.search_worker SEARCH_ID`.

It says "made" after each chunk and waits for a line before the next is stored, so that a test can kill it in the midst.
"""

from __future__ import annotations

import os
import sys

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tradingsite.settings")

import django

django.setup()

from backtests.models import Optimisation  # noqa: E402
from backtests.optimisation import rounds  # noqa: E402
from backtests.optimisation.evaluate import Evaluator  # noqa: E402
from backtests.optimisation.samplers import Trials  # noqa: E402


def main(search_id: int) -> None:
    """Make chunk after chunk; each is evaluated, told, and stored when a line comes in."""
    evaluate = Evaluator.__call__

    def told(self: Evaluator, combinations: object) -> Trials:
        made = evaluate(self, combinations)  # type: ignore[arg-type]
        print("made", flush=True)
        sys.stdin.readline()
        return made

    Evaluator.__call__ = told  # type: ignore[method-assign]
    rounds.run_in_process(Optimisation.objects.get(pk=search_id))


if __name__ == "__main__":
    main(int(sys.argv[1]))
