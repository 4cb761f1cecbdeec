"""Black-box tests with faults, and what they measured."""

from collections.abc import Callable

import pytest

from tests.system.conftest import Measured, _nothing_left_running, clean, measured  # noqa: F401

_ = (Callable, pytest, Measured)
