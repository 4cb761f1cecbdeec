"""Which engine answers at MONGODB_URL, and whether it is one that IMSystem is known to work on.

Several speak MongoDB's protocol and call themselves a version of it. README has the list.
"""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

LEAST_MONGODB = (6, 0)
LEAST_DOCUMENTDB = (0, 108)
KNOWN_SECANTUS = (0, 7)
ENGINES = "MongoDB 6+, DocumentDB 0.108+ on PostgreSQL, SecantusDB 0.7"


class Engine(NamedTuple):
    name: str
    version: str
    is_known: bool

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


def engine_of(build: Mapping[str, Any], hello: Mapping[str, Any]) -> Engine:
    """Returns the engine that answers the commands buildInfo and hello like this."""
    version = str(build.get("version", ""))
    if "secantusVersion" in build:
        own = str(build["secantusVersion"])
        return Engine("SecantusDB", own, numbers(own) == KNOWN_SECANTUS)
    if "ferretdb" in build:
        return Engine("FerretDB", str(build["ferretdb"].get("version", "")), is_known=False)
    internal = hello.get("internal", {})
    found = internal.get("documentdb_versions") or internal.get("cosmos_versions")
    if found:
        # Azure's service has versions of its own, from 1 on.
        own = str(found[0])
        return Engine("DocumentDB", own, LEAST_DOCUMENTDB <= numbers(own) < (1, 0))
    # What mongod and mongos say of how they were made; others have no reason to.
    if "buildEnvironment" in build and "gitVersion" in build:
        return Engine("MongoDB", version, numbers(version) >= LEAST_MONGODB)
    return Engine("an unknown engine with the protocol of MongoDB", version, is_known=False)


def numbers(version: str) -> tuple[int, int]:
    """Returns the first two numbers of a version; (0, 0) when it has none."""
    found = re.match(r"v?(\d+)\.(\d+)", version)
    return (int(found[1]), int(found[2])) if found else (0, 0)
