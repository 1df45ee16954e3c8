"""End users and what is theirs, as a project writes and reads them."""

from decimal import Decimal
from typing import Any

from django.views.decorators.debug import sensitive_variables
from rest_framework import serializers

from catalog.credential_states import is_presentable
from catalog.models import Credential
from gateway.control.serializers import StrictSerializer, parsed
from tenants.models import Budget, EndUser, Limit

MAX_VALUE = 8192
MAX_ROWS = 50


class OwnSerializer(serializers.ModelSerializer[Any]):
    """Every field is named, every other one refused; the model's checks come after."""

    def get_validators(self) -> list[Any]:
        return []

    def to_internal_value(self, data: Any) -> Any:
        return parsed(self, data, super().to_internal_value)


class CredentialSerializer(serializers.ModelSerializer[Credential]):
    """What was brought; of the value only its end, where that gives nothing away."""

    provider = serializers.CharField(source="provider.slug", read_only=True)
    status = serializers.SerializerMethodField()

    class Meta:
        model = Credential
        fields = [
            "provider",
            "base_url",
            "deployments",
            "last_four",
            "status",
            "created_at",
        ]
        read_only_fields = fields

    def get_status(self, row: Credential) -> str:
        if not row.active:
            return "inactive"
        return "active" if row.quarantined_at is None else "quarantined"


class EndUserSerializer(OwnSerializer):
    credentials = CredentialSerializer(many=True, read_only=True)

    class Meta:
        model = EndUser
        fields = [
            "external_id",
            "name",
            "default_model",
            "preferred_provider",
            "active",
            "credentials",
            "created_at",
        ]
        read_only_fields = ["created_at"]

    def to_internal_value(self, data: Any) -> Any:
        found = super().to_internal_value(data)
        if self.instance is not None:
            given = found.pop("external_id", self.instance.external_id)
            if given != self.instance.external_id:
                msg = "A user keeps its id; make another one instead."
                raise serializers.ValidationError({"external_id": [msg]})
        return found


class NewCredentialSerializer(StrictSerializer):
    provider = serializers.CharField(max_length=63)
    value = serializers.CharField(
        max_length=MAX_VALUE,
        write_only=True,
        help_text="What the provider is presented. Sealed, and never shown again.",
    )
    base_url = serializers.CharField(
        max_length=500,
        required=False,
        default="",
        allow_blank=True,
        help_text="In place of the provider's: an Azure resource, or a server of one's own.",
    )
    deployments = serializers.DictField(
        child=serializers.CharField(max_length=200),
        required=False,
        default=dict,
        help_text='What models are called there: {"gpt-4o": "my-gpt"}.',
    )

    @sensitive_variables("value")
    def validate_value(self, value: str) -> str:
        if not is_presentable(value):
            msg = "A credential is one line of printable ASCII characters."
            raise serializers.ValidationError(msg)
        return value


class LimitSerializer(OwnSerializer):
    class Meta:
        model = Limit
        fields = ["metric", "amount", "per", "alias", "shadow", "active"]


class BudgetSerializer(OwnSerializer):
    warn_at = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=100), required=False
    )
    amount_usd = serializers.DecimalField(
        max_digits=14, decimal_places=4, min_value=Decimal(0)
    )

    class Meta:
        model = Budget
        fields = ["amount_usd", "per", "mode", "warn_at", "alias", "active"]


class EndUserPage(serializers.Serializer[Any]):
    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)
    results = EndUserSerializer(many=True)


class LimitsSerializer(StrictSerializer):
    """All limits of an end user."""

    results: Any = serializers.ListSerializer(
        child=LimitSerializer(), max_length=MAX_ROWS
    )


class BudgetsSerializer(StrictSerializer):
    """All budgets of an end user."""

    results: Any = serializers.ListSerializer(
        child=BudgetSerializer(), max_length=MAX_ROWS
    )
