"""Values that several resources have, described for the schema and checked early."""

from typing import Any

from rest_framework import serializers

from catalog.protocols import Capability, Operation
from tenants.scopes import Scope


def operations(**options: Any) -> serializers.ListField:
    return serializers.ListField(
        child=serializers.ChoiceField(Operation.choices), **options
    )


def scopes(**options: Any) -> serializers.ListField:
    return serializers.ListField(
        child=serializers.ChoiceField([*Operation.choices, *Scope.choices]), **options
    )


def capabilities(**options: Any) -> serializers.ListField:
    return serializers.ListField(
        child=serializers.ChoiceField(Capability.choices), **options
    )


def names(**options: Any) -> serializers.ListField:
    return serializers.ListField(
        child=serializers.CharField(max_length=500), max_length=1000, **options
    )


def texts_by_name(**options: Any) -> serializers.DictField:
    return serializers.DictField(
        child=serializers.CharField(max_length=4000, allow_blank=True), **options
    )


def values_by_name(**options: Any) -> serializers.DictField:
    return serializers.DictField(**options)
