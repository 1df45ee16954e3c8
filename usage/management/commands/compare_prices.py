from typing import Any

from django.core.management.base import BaseCommand

from usage.models import PriceProposal
from usage.price_book.comparing import compare_prices


class Command(BaseCommand):
    help = "Compare the price book with the installed genai-prices; the admin decides."

    def handle(self, *_: Any, **options: Any) -> None:
        found = compare_prices()
        rows = PriceProposal.objects.filter(state="pending").select_related(
            "model__provider"
        )
        for row in rows.order_by("model", "component", "min_input_tokens"):
            above = f" above {row.min_input_tokens}" if row.min_input_tokens else ""
            since = f" from {row.announced_for}" if row.announced_for else ""
            self.stdout.write(
                f"{row.model} {row.component}{above}: "
                f"{row.before or 'nothing'} -> {row.amount}{since}"
            )
        self.stdout.write(
            f"{found.models} models compared, {found.new} new differences, "
            f"{found.pending} to be decided on under Catalog, Price proposals."
        )
