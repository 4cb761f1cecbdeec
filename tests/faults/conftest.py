"""The same fixtures and hooks as those of tests/system."""

from tests.system.conftest import (  # noqa: F401 -- pytest finds them here
    _nothing_left_running,
    clean,
    measured,
    pytest_collection_modifyitems,
)
