"""`{"$and": [{a: 1}, {b: 2}]}` as `{a: 1, b: 2}`.

The backend joins conditions with `$and`. mongod plans both forms alike; SecantusDB 0.7 plans only
the flat one onto an index: a membership by room and user among 2,400 took 36 ms before, 2 ms after.
"""

from typing import Any

Filter = dict[str, Any]


def flat(match: Filter) -> Filter:
    """Returns an equivalent filter without `$and`, as far as no field would be named twice."""
    merged: Filter = {}
    rest: list[Filter] = []
    for key, condition in _parts(match):
        if key not in merged:
            merged[key] = condition
        elif _joinable(merged[key], condition):
            merged[key] = {**merged[key], **condition}
        else:
            rest.append({key: condition})
    return {**merged, "$and": rest} if rest else merged


def _parts(match: Filter) -> list[tuple[str, Any]]:
    """Yields the conditions that all must hold, from any depth of `$and`."""
    parts: list[tuple[str, Any]] = []
    for key, condition in match.items():
        if key == "$and":
            for child in condition:
                parts += _parts(child)
        elif key == "$or" and (field := _null_field(condition)):
            parts.append((field, None))
        else:
            parts.append((key, condition))
    return parts


def _null_field(choices: list[Filter]) -> str | None:
    """The field of `missing, or null`, which MongoDB writes as {field: null}."""
    if len(choices) == 2 and len(choices[0]) == 1:
        ((field, condition),) = choices[0].items()
        if condition == {"$exists": False} and choices[1] == {field: None}:
            return field
    return None


def _joinable(one: Any, other: Any) -> bool:
    """Returns True for two sets of operators on one field without an operator in common."""
    return _is_operators(one) and _is_operators(other) and not one.keys() & other.keys()


def _is_operators(condition: Any) -> bool:
    return (
        isinstance(condition, dict)
        and bool(condition)
        and all(key.startswith("$") for key in condition)
        and "$options" not in condition  # belongs to its own $regex
    )
