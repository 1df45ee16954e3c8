"""Every client against every protocol of conversations, cell by cell."""

import pytest

pytest.register_assert_rewrite(
    "tests.gateway.matrix.features",
    "tests.gateway.matrix.gemini",
    "tests.gateway.matrix.messages",
    "tests.gateway.matrix.own",
    "tests.gateway.matrix.responses",
)
