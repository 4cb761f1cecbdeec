"""Imports every case, in the order of the list of faults."""

import re

from tests.faults import (  # noqa: F401 -- importing them registers their cases
    cases_around,
    cases_clients,
    cases_databases,
    cases_network,
    cases_redis,
    cases_workers,
    model,
)
from tests.faults.registry import CASES, Case


def number(name: str) -> tuple[str, int, str]:
    """F8b comes after F8 and before F10; M1 is not in the list of faults."""
    found = re.fullmatch(r"([FM])([0-9]+)([a-z]*)", name)
    assert found
    return found[1], int(found[2]), found[3]


ALL: dict[str, Case] = {name: CASES[name] for name in sorted(CASES, key=number)}
