"""Configuration as code: one file in, one file out, compared by natural key."""

from catalog.bundle.applying import apply_bundle, plan_bundle
from catalog.bundle.document import dump_document, load_document
from catalog.bundle.exporting import export_bundle
from catalog.bundle.mistakes import BundleRefused, Mistake
from catalog.bundle.plan import Action, Change, Plan

__all__ = [
    "Action",
    "BundleRefused",
    "Change",
    "Mistake",
    "Plan",
    "apply_bundle",
    "dump_document",
    "export_bundle",
    "load_document",
    "plan_bundle",
]
