"""django.setup() for the processes that `up` starts."""

import ctypes.util

import django
from django.urls import get_resolver


def setup_django() -> None:
    """Loads all apps and addresses, so that the first request finds them loaded.

    The MongoDB backend looks for the GDAL library under twelve names, three times, with child
    processes for each: 0.4 s of 1.85 s. No model here has a place on the map.
    """
    find = ctypes.util.find_library
    ctypes.util.find_library = lambda name: None if name.lower().startswith("gdal") else find(name)
    try:
        django.setup()
    finally:
        ctypes.util.find_library = find
    _ = get_resolver().url_patterns
