"""No process outlives the test that started it, however the test ends."""

from __future__ import annotations

from collections.abc import Iterator

import psutil
import pytest


@pytest.fixture(autouse=True)
def _nobody_is_left() -> Iterator[None]:
    yield
    for child in psutil.Process().children():
        child.kill()
        child.wait()
