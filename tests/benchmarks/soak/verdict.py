"""What a soak found, and whether anything of it must not be."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from tests.benchmarks.report import table
from tests.benchmarks.soak.traffic import Tally, Traffic
from tests.benchmarks.soak.vitals import Holding, slope_per_hour
from tests.durability.bills import compare
from tests.durability.load import percentile
from tests.durability.stand import Stand, until

SLOPE_PER_HOUR = 0.05
# So much comes and goes by itself, and a run of minutes sees it come: up to ten thousand
# young objects with what they hold lie until they are collected, and memory is had from
# the system a MiB at a time. In an hour it is less than the slope allows.
_SPARE_MB = 2.0
# Files that come and go by themselves: segments of the spool, a connection of a poll.
_SPARE_DESCRIPTORS = 4
# The pool of threads grows up to its bound as it is needed.
_SPARE_THREADS = 8
# Money that processes hold in advance is given back a while after the last request.
_LEASED_S = 90.0
_SHOWN = 5


@dataclass
class Verdict:
    """Lines to show, and those of them that say what is wrong."""

    lines: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def check(self, what: str, found: object, *, is_good: bool) -> None:
        line = f"{what}: {found}"
        self.lines.append(f"- {line}")
        if not is_good:
            self.faults.append(line)


def on_traffic(verdict: Verdict, traffic: Traffic, seconds: float) -> None:
    """Judge what the clients were answered."""
    head = ["requests", "sent", "cut", "answers", "p50 ms", "p99 ms", "wrong"]
    rows = [_row(name, tally) for name, tally in traffic.tallies.items()]
    verdict.lines += table(head, rows)
    verdict.lines.append("")
    tallies = traffic.tallies.values()
    sent = sum(tally.sent for tally in tallies)
    well = len(traffic.answered)
    verdict.lines.append(
        f"- {sent:,} requests in {seconds:.0f} s, {sent / seconds:.0f}/s; "
        f"{well:,} answered with 200 and read to their end"
    )
    wrong = [
        f"{name}: {each}"
        for name, tally in traffic.tallies.items()
        for each in tally.wrong
    ]
    verdict.check("answers that must not be", len(wrong), is_good=not wrong)
    verdict.faults += wrong[:_SHOWN]
    verdict.check("requests that never end", traffic.hangs, is_good=not traffic.hangs)


def on_memory(
    verdict: Verdict, samples: Mapping[int, list[tuple[float, float]]]
) -> None:
    """Judge what each process's memory did after the warm-up."""
    for number, each in enumerate(samples.values(), start=1):
        slope = slope_per_hour(each)
        seconds = each[-1][0] - each[0][0]
        grown = slope * each[0][1] * seconds / 3600
        verdict.check(
            f"memory of web process {number}: from {each[0][1]:.1f} to "
            f"{each[-1][1]:.1f} MB in {seconds:.0f} s after the warm-up, slope",
            f"{slope:+.1%} an hour (at most {SLOPE_PER_HOUR:.0%}), which makes "
            f"{grown:+.1f} MB (less than {_SPARE_MB:g} say nothing)",
            is_good=slope <= SLOPE_PER_HOUR or grown < _SPARE_MB,
        )


def on_leaks(
    verdict: Verdict, before: Iterable[Holding], after: Iterable[Holding]
) -> None:
    """Judge what each process holds when nothing runs, against the time before."""
    for number, (old, new) in enumerate(zip(before, after, strict=True), start=1):
        name = f"web process {number}"
        verdict.check(
            f"{name}: sockets",
            new.connections,
            is_good=new.connections <= old.connections,
        )
        verdict.check(
            f"{name}: file descriptors before and after",
            f"{old.descriptors}, {new.descriptors}",
            is_good=new.descriptors <= old.descriptors + _SPARE_DESCRIPTORS,
        )
        verdict.check(
            f"{name}: threads before and after",
            f"{old.threads}, {new.threads}",
            is_good=new.threads <= old.threads + _SPARE_THREADS,
        )
        more = {
            task: count - old.tasks.get(task, 0)
            for task, count in new.tasks.items()
            if count > old.tasks.get(task, 0)
        }
        verdict.check(
            f"{name}: tasks before and after",
            f"{sum(old.tasks.values())}, {sum(new.tasks.values())} {more or ''}".strip(),
            is_good=not more,
        )


def on_bills(verdict: Verdict, stand: Stand, traffic: Traffic) -> None:
    """Judge what was metered against what was answered and what the provider bills."""
    bills = compare(stand)
    verdict.check(
        "attempts that the provider bills", f"{bills.billable:,}", is_good=True
    )
    verdict.check("of these not in PostgreSQL", len(bills.lost), is_good=not bills.lost)
    verdict.check("of these there twice", len(bills.twice), is_good=not bills.twice)
    unsettled = stand.sql(
        "SELECT count(*) FROM usage_usageevent WHERE status = 'unsettled'"
    )[0][0]
    verdict.check("events that nobody settled", unsettled, is_good=not unsettled)
    metered = {
        row[0]
        for row in stand.sql("SELECT DISTINCT request_id::text FROM usage_usageevent")
    }
    missing = traffic.answered - metered
    verdict.check(
        "requests answered without a usage event", len(missing), is_good=not missing
    )
    try:
        given_back = until(lambda: not _held_nano(stand), at_most=_LEASED_S)
        verdict.check(
            "nothing is reserved of a budget after s", f"{given_back:.1f}", is_good=True
        )
    except AssertionError:
        verdict.check("reserved of budgets, nano-USD", _held_nano(stand), is_good=False)
    verdict.check(
        "leases of limits", stand.held_leases(), is_good=not stand.held_leases()
    )


def _held_nano(stand: Stand) -> int:
    return int(
        stand.sql("SELECT coalesce(sum(amount_nano), 0) FROM usage_budgetlease")[0][0]
    )


def _row(name: str, tally: Tally) -> list[str]:
    times = list(tally.seconds) or [0.0]
    statuses = ", ".join(
        f"{status}: {count:,}" for status, count in sorted(tally.statuses.items())
    )
    return [
        name,
        f"{tally.sent:,}",
        f"{tally.cut:,}" if tally.cut else "",
        statuses,
        f"{percentile(times, 0.5) * 1000:.1f}",
        f"{percentile(times, 0.99) * 1000:.1f}",
        str(len(tally.wrong) or ""),
    ]
