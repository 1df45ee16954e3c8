"""The peers as their documentation runs them in production, each on the measured core."""

import os
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.benchmarks.machine import Cores
from tests.benchmarks.systems import System, stop, wait_for_answer

_MODEL = "sim-bench"
# LiteLLM reads for long before it answers.
_START_SECONDS = 300.0
_LITELLM_KEY = "sk-bench-master-key"
# Their master key is asked for with each request; keys of its own would need a database.
_LITELLM_CONFIG = """\
model_list:
  - model_name: {model}
    litellm_params:
      model: openai/{model}
      api_base: {upstream}/v1
      api_key: none
general_settings:
  master_key: {key}
litellm_settings:
  request_timeout: 600
  set_verbose: false
  json_logs: true
"""
LITELLM_ENVIRONMENT = {
    "LITELLM_MODE": "PRODUCTION",
    "LITELLM_LOG": "ERROR",
    # Otherwise it fetches prices from elsewhere as it starts.
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
}
LITELLM_ARGUMENTS = ("--num_workers", "1")
PORTKEY_ENVIRONMENT = {"NODE_ENV": "production"}
PORTKEY_ARGUMENTS = ("--headless",)


@contextmanager
def litellm(cores: Cores, upstream: str, program: Path) -> Iterator[System]:
    config = program.parent.parent / "config.yaml"
    config.write_text(
        _LITELLM_CONFIG.format(model=_MODEL, upstream=upstream, key=_LITELLM_KEY)
    )
    port = _free_port()
    command = [str(program), "--config", str(config), "--host", "127.0.0.1"]
    command += ["--port", str(port), *LITELLM_ARGUMENTS]
    with _started(cores, command, LITELLM_ENVIRONMENT) as process:
        url = f"http://127.0.0.1:{port}"
        system = System("LiteLLM", url, _MODEL, _LITELLM_KEY, pid=process.pid)
        wait_for_answer(system, process, _START_SECONDS)
        yield system


@contextmanager
def portkey(cores: Cores, upstream: str, script: Path) -> Iterator[System]:
    port = _free_port()
    command = ["node", str(script), *PORTKEY_ARGUMENTS, f"--port={port}"]
    with _started(cores, command, PORTKEY_ENVIRONMENT) as process:
        headers = {
            "x-portkey-provider": "openai",
            "x-portkey-custom-host": f"{upstream}/v1",
        }
        url = f"http://127.0.0.1:{port}"
        system = System("Portkey", url, _MODEL, pid=process.pid, headers=headers)
        wait_for_answer(system, process, _START_SECONDS)
        yield system


def configurations() -> list[str]:
    """Return how each is run, one line each."""
    litellm = f"`litellm {' '.join(LITELLM_ARGUMENTS)}`"
    portkey = f"`node start-server.js {' '.join(PORTKEY_ARGUMENTS)}`"
    return [
        (
            f"{litellm} on uvicorn with {_said(LITELLM_ENVIRONMENT)}: one model, a master "
            "key, no database, so neither keys of its own nor limits nor a ledger"
        ),
        (
            f"{portkey} with {_said(PORTKEY_ENVIRONMENT)}: provider and host are told by "
            "headers; it has neither keys of its own nor limits nor a ledger"
        ),
        (
            "gateway: one web process as above, with keys, limits in Redis, prices, and "
            "metering into PostgreSQL"
        ),
    ]


@contextmanager
def _started(
    cores: Cores, command: Sequence[str], environment: Mapping[str, str]
) -> Iterator["subprocess.Popen[bytes]"]:
    # None of our own variables: some have the same names.
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    with cores.on_measured():
        process = subprocess.Popen(
            command,
            env={**kept, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    try:
        yield process
    finally:
        stop(process)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _said(environment: Mapping[str, str]) -> str:
    return ", ".join(f"`{name}={value}`" for name, value in environment.items())
