"""The tables, for the screen and for docs/benchmarks.md."""

from collections.abc import Sequence
from datetime import UTC, datetime

from tests.benchmarks.hot_path import Function
from tests.benchmarks.load import SCENARIOS, TRANSLATED, Spread
from tests.benchmarks.machine import CHECKOUT, command_line, describe
from tests.benchmarks.results import Bar, Results

DOCUMENT = CHECKOUT / "docs" / "benchmarks.md"
SYSTEMS = ("simulator", "bare relay", "gateway")


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return a Markdown table; all columns but the first are right-aligned."""
    rule = ["---", *("---:" for _ in head[1:])]
    return [f"| {' | '.join(row)} |" for row in (head, rule, *rows)]


def rates(results: Results) -> list[str]:
    head = [
        "load",
        "system",
        "per second",
        "lowest, highest",
        "p50 ms",
        "p99 ms",
        "CPU µs",
        "busy",
        "of bare",
    ]
    rows = []
    for scenario in (*SCENARIOS, *TRANSLATED):
        for system in SYSTEMS:
            if not results.runs[system, scenario]:
                continue
            rate = results.spread(system, scenario, lambda run: run.rate)
            p50 = results.spread(system, scenario, lambda run: run.p50_ms)
            p99 = results.spread(system, scenario, lambda run: run.p99_ms)
            cpu = results.spread(system, scenario, lambda run: run.cpu_us)
            busy = results.spread(system, scenario, lambda run: run.busy)
            ratio = ""
            if system == "gateway" and not scenario.is_translated:
                ratio = f"{results.ratio(scenario).median:.2f}"
            rows.append(
                [
                    scenario.name,
                    system,
                    _whole(rate.median * scenario.scale),
                    _range(rate, scenario.scale),
                    f"{p50.median:.2f}",
                    f"{p99.median:.2f}",
                    _whole(cpu.median),
                    f"{busy.median:.0%}",
                    ratio,
                ]
            )
    return table(head, rows)


def bar_table(bars: Sequence[Bar]) -> list[str]:
    rows = [
        [bar.subject, bar.asked, bar.measured, "yes" if bar.is_met else "NO"]
        for bar in bars
    ]
    return table(["bar", "asked", "measured", "met"], rows)


def profile_table(functions: Sequence[Function]) -> list[str]:
    rows = [
        [
            f"`{function.name}`",
            function.place,
            f"{function.calls:.1f}",
            f"{function.own_us:.1f}",
            f"{function.total_us:.1f}",
        ]
        for function in functions
    ]
    head = ["function", "place", "calls", "own µs", "with callees µs"]
    return table(head, rows)


def preamble(module: str = "tests.benchmarks") -> list[str]:
    now = datetime.now(UTC)
    return [
        f"Measured on {now:%Y-%m-%d} by `{command_line(module)}`:",
        "",
        *(f"- {line}" for line in describe()),
    ]


def write(section: str, lines: Sequence[str]) -> None:
    """Replace what stands between a section's markers in docs/benchmarks.md."""
    begin, end = f"<!-- {section}: generated -->", f"<!-- {section}: end -->"
    before, _, rest = DOCUMENT.read_text(encoding="utf-8").partition(begin)
    _, found, after = rest.partition(end)
    if not found:
        raise ValueError(f"{DOCUMENT} has no markers of the section {section!r}.")
    text = "\n".join([f"{before}{begin}", "", *lines, "", f"{end}{after}"])
    DOCUMENT.write_text(text, encoding="utf-8")


def _whole(value: float) -> str:
    return f"{value:,.0f}"


def _range(spread: Spread, scale: int) -> str:
    return f"{_whole(spread.low * scale)} … {_whole(spread.high * scale)}"
