from django.db import migrations, models

_SUMS = ("hourlyusage", "enduserusage", "dailyusage", "hourlytotal", "dailytotal")


class Migration(migrations.Migration):
    """All defaults are constants: no table is written again."""

    dependencies = [("usage", "0009_usage_sketches_and_dimensions")]

    operations = [
        migrations.AddField(
            model_name="usageevent",
            name="finish_reason",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                help_text="stop, length, tool_calls or content_filter, "
                "where the answer says.",
                max_length=16,
            ),
        ),
        *(
            migrations.AddField(
                model_name=name,
                name="truncated",
                field=models.BigIntegerField(
                    db_default=0,
                    default=0,
                    help_text="Answers cut off by a bound of length.",
                ),
            )
            for name in _SUMS
        ),
        *(
            migrations.AddField(
                model_name=name,
                name="refused",
                field=models.BigIntegerField(
                    db_default=0,
                    default=0,
                    help_text="Answers withheld or refused for content.",
                ),
            )
            for name in _SUMS
        ),
        *(
            migrations.AddField(
                model_name=name,
                name="violations",
                field=models.BigIntegerField(
                    db_default=0,
                    default=0,
                    help_text="Answers that did not keep to the schema asked for.",
                ),
            )
            for name in _SUMS
        ),
    ]
