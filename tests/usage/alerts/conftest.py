import pytest

from usage.alerts.rules import make_ready_rules


@pytest.fixture(autouse=True)
def ready_rules(db: None) -> None:
    """The rules that every installation begins with."""
    make_ready_rules()
