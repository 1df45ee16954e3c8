"""Plans and applies a bundle: one transaction, all or nothing."""

import pghistory
from django.db import connection, transaction

from catalog.bundle import removal
from catalog.bundle.consistency import check_consistency
from catalog.bundle.kind import Scope
from catalog.bundle.kinds import KINDS
from catalog.bundle.mistakes import Report
from catalog.bundle.plan import Plan
from catalog.bundle.references import resolve, scope_of
from catalog.bundle.state import State
from catalog.bundle.units import Wanted, read_units
from catalog.bundle.writing import write_kind

# Any number will do that nobody else takes an advisory lock on.
_LOCK = 0x5B0BD1E


def plan_bundle(document: object, *, prune: bool = False) -> Plan:
    """Return what applying would change, and change nothing; raises `BundleRefused`.

    It is worked out by applying in a transaction that is taken back, so that plan and
    apply cannot disagree.
    """
    with transaction.atomic():
        plan = _apply(document, prune)
        transaction.set_rollback(True)
    return plan


def apply_bundle(document: object, *, actor: str, prune: bool = False) -> Plan:
    """Make the database look like the bundle, all of it, or raise `BundleRefused`.

    `actor` is who stands in the audit.
    """
    with pghistory.context(actor=actor), transaction.atomic():
        return _apply(document, prune)


def _apply(document: object, prune: bool) -> Plan:
    report = Report()
    wanted = read_units(document, report)
    lock_configuration()
    state = State.read(Scope() if prune else scope_of(document))
    resolve(wanted, state, report)
    plan = Plan()
    write_all(wanted, state, report, plan, prune=prune)
    check_consistency(wanted, state, plan, report)
    report.check()
    plan.notes = tuple(report.notes)
    return plan


def lock_configuration() -> None:
    """Wait until no other bundle is being applied; held until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])


def write_all(
    wanted: Wanted, state: State, report: Report, plan: Plan, *, prune: bool
) -> None:
    """Write what is wanted in the order in which rows refer to one another."""
    for kind in KINDS:
        if kind == "target":
            removal.drop_targets(wanted, state, plan)
            if prune:
                removal.prune_aliases(wanted, state, plan)
        write_kind(kind, wanted, state, report, plan)
    if prune and not report.mistakes:
        removal.prune(wanted, state, plan, report)
