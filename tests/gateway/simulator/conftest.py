"""A running simulator, and the official client pointed at it."""

from collections.abc import Iterator

import httpx
import openai
import pytest

from gateway.simulator import Simulator, serve


@pytest.fixture(scope="session")
def shared_simulator() -> Iterator[Simulator]:
    with serve() as simulator:
        yield simulator


@pytest.fixture
def simulator(shared_simulator: Simulator) -> Simulator:
    """A simulator without calls and settings of earlier tests."""
    shared_simulator.reset()
    return shared_simulator


@pytest.fixture
def client(simulator: Simulator) -> Iterator[openai.OpenAI]:
    """OpenAI's own client, which does not try again by itself."""
    with openai.OpenAI(
        base_url=f"{simulator.url}/v1", api_key="sk-any", max_retries=0
    ) as client:
        yield client


@pytest.fixture
def http(simulator: Simulator) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=simulator.url, timeout=5) as http:
        yield http
