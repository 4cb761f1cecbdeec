"""The lines `up` prints."""


def part_line(name: str, seconds: float, detail: str) -> str:
    """`mongodb      1.2 s  embedded, port 23456`"""
    return f"  {name:<12}{seconds:5.1f} s  {detail}"
