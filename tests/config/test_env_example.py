"""`.env.example` is where an operator looks a variable up."""

import itertools
import re

from config import env
from config.embedded import CHECKOUT

READ_IN_CODE = re.compile(
    r"""(?:env\.\w+|environ\.get|environ\.setdefault)\(\s*"([A-Z][A-Z0-9_]+)\""""
)
NAMED_IN_EXAMPLE = re.compile(r"^#?([A-Z][A-Z0-9_]+)=", re.MULTILINE)
# Set by Django's own entry points, by the drawing of charts and by the test suite.
INTERNAL = {"DJANGO_SETTINGS_MODULE", "MPLCONFIGDIR", "SIGNALBOX_TEST_TEMPLATE"}


def code() -> str:
    return "\n".join(
        file.read_text(encoding="utf-8")
        for app in ("config", "workflows", "gateway", "usage", "catalog", "tenants")
        for file in (CHECKOUT / app).rglob("*.py")
    )


def explained() -> set[str]:
    return set(NAMED_IN_EXAMPLE.findall((CHECKOUT / ".env.example").read_text()))


def test_every_variable_that_is_read_is_explained() -> None:
    read = {*env.PROVIDER_KEY_NAMES, *READ_IN_CODE.findall(code())}

    assert read - INTERNAL - explained() == set()


def test_every_variable_that_is_explained_is_read() -> None:
    product = code()

    unread = {name for name in explained() if f'"{name}"' not in product}

    # Those of OpenTelemetry are read by its library.
    assert {name for name in unread if not name.startswith("OTEL_")} == set()


def test_every_variable_has_a_comment_above_it() -> None:
    text = (CHECKOUT / ".env.example").read_text(encoding="utf-8")
    general = text.split("# --- Provider keys")[0].splitlines()

    bare = [
        line
        for above, line in itertools.pairwise(general)
        if NAMED_IN_EXAMPLE.match(line) and not above.startswith("# ")
    ]

    assert bare == []
