"""A provider that speaks real HTTP, for demos, tests and benchmarks."""

from gateway.simulator.handle import Simulator, SimulatorProcess, serve
from gateway.simulator.ledger import Call

__all__ = ["Call", "Simulator", "SimulatorProcess", "serve"]
