from tests.usage.conftest import ledger, root

__all__ = ["ledger", "root"]
