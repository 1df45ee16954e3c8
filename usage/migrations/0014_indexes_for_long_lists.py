from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models

INDEXES = [
    ('enduserusage', models.Index(fields=['end_user', 'project', 'hour'], name='end_user_of_project')),
    ('budgetwindow', models.Index(fields=['ends_at'], name='budget_window_ends')),
    ('alert', models.Index(fields=['-created_at', '-id'], name='alert_newest_of_all')),
    ('notification', models.Index(fields=['-created_at', 'id'], name='notification_newest_of_all')),
]


def made_anew(model_name, index):
    """Drop what a broken-off attempt has left, which nothing would make valid, and make it."""
    return [
        migrations.RunSQL(
            f'DROP INDEX CONCURRENTLY IF EXISTS {index.name}', migrations.RunSQL.noop
        ),
        AddIndexConcurrently(model_name=model_name, index=index),
    ]


class Migration(migrations.Migration):

    # Who writes goes on writing while the indexes are made.
    atomic = False

    dependencies = [
        ('usage', '0013_usage_by_end_users_of_a_day'),
    ]

    operations = [
        operation for model_name, index in INDEXES for operation in made_anew(model_name, index)
    ]
