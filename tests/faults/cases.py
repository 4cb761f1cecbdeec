"""Every case, in the order of the list of faults."""

import re

from tests.faults import (  # noqa: F401 -- importing them registers their cases
    cases_clients,
    cases_databases,
    cases_network,
    cases_redis,
    cases_workers,
)
from tests.faults.registry import CASES, Case


def number(name: str) -> tuple[int, str]:
    """F8b comes after F8 and before F10."""
    found = re.fullmatch(r"F([0-9]+)([a-z]*)", name)
    assert found
    return int(found[1]), found[2]


ALL: dict[str, Case] = {name: CASES[name] for name in sorted(CASES, key=number)}
