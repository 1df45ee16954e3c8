"""Every client against every protocol, plain and streamed, through real HTTP."""

import pytest

from gateway.simulator import Simulator
from tests.gateway.matrix.asking import Client
from tests.gateway.matrix.clients import CLIENTS
from tests.gateway.matrix.features import FEATURES, STREAMED_ALONE, Cell
from tests.gateway.matrix.gaps import gap_at
from tests.gateway.matrix.providers import PROTOCOLS

CELLS = [
    (client, protocol, mode, feature)
    for client in CLIENTS
    for protocol in PROTOCOLS
    for mode in ("plain", "streamed")
    for feature in FEATURES
    if mode == "streamed" or feature not in STREAMED_ALONE
]


# The database is there; its rows are those of the whole module.
@pytest.mark.django_db
@pytest.mark.parametrize(
    ("client", "protocol", "mode", "feature"), CELLS, ids=map("-".join, CELLS)
)
def test_a_cell_works_or_is_listed_with_its_reason(
    clients: dict[str, Client],
    upstream: Simulator,
    client: str,
    protocol: str,
    mode: str,
    feature: str,
) -> None:
    cell = Cell(clients[client], protocol, mode == "streamed", upstream)

    if gap_at(client, protocol, mode, feature) is None:
        FEATURES[feature](cell)
        return
    # What has begun to work does not belong into the list.
    with pytest.raises((AssertionError, *cell.client.failure)):
        FEATURES[feature](cell)
