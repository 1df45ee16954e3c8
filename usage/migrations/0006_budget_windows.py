import django.db.models.deletion
from django.db import migrations, models

# Everything that changes a window locks its row first, leases after it. What a process
# gives back, renews or has swept touches leases alone.
FUNCTIONS = """
CREATE FUNCTION usage_instant_of(local_time timestamp, zone text) RETURNS timestamptz
LANGUAGE plpgsql STABLE AS $$
DECLARE
    found timestamptz := local_time AT TIME ZONE zone;
BEGIN
    -- Of a time that the clocks show twice the first is meant.
    IF (found - interval '1 hour') AT TIME ZONE zone = local_time THEN
        RETURN found - interval '1 hour';
    END IF;
    RETURN found;
END $$;

CREATE FUNCTION usage_window_start(per text, moment timestamptz, zone text)
RETURNS timestamptz LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF per = 'total' THEN
        RETURN to_timestamp(0);
    END IF;
    RETURN usage_instant_of(date_trunc(per, moment AT TIME ZONE zone), zone);
EXCEPTION WHEN invalid_parameter_value THEN
    -- A time zone that this server does not know.
    RETURN usage_instant_of(date_trunc(per, moment AT TIME ZONE 'UTC'), 'UTC');
END $$;

CREATE FUNCTION usage_window_end(per text, moment timestamptz, zone text)
RETURNS timestamptz LANGUAGE plpgsql STABLE AS $$
DECLARE
    length interval;
BEGIN
    IF per = 'total' THEN
        RETURN NULL;
    END IF;
    length := ('1 ' || per)::interval;
    RETURN usage_instant_of(date_trunc(per, moment AT TIME ZONE zone) + length, zone);
EXCEPTION WHEN invalid_parameter_value THEN
    RETURN usage_instant_of(
        date_trunc(per, moment AT TIME ZONE 'UTC') + length, 'UTC'
    );
END $$;

CREATE FUNCTION usage_nano(amount_usd numeric) RETURNS bigint
LANGUAGE sql IMMUTABLE STRICT AS $$
    SELECT LEAST(round(amount_usd * 1000000000), 9000000000000000000)::bigint
$$;

CREATE FUNCTION usage_zone_of(owner_project bigint, owner_organization bigint)
RETURNS text LANGUAGE sql STABLE AS $$
    SELECT COALESCE(
        (SELECT time_zone FROM tenants_project WHERE id = owner_project),
        (SELECT time_zone FROM tenants_organization WHERE id = owner_organization),
        'UTC'
    )
$$;

-- Adds what was spent to a window, takes it out of the lease of whoever held it, and
-- leaves a warning where a share of the budget is reached.
CREATE FUNCTION usage_book_spend(
    the_budget bigint, whose text, from_moment timestamptz, to_moment timestamptz,
    nano bigint, unknown bigint, the_worker text
) RETURNS TABLE (
    spent bigint, taken bigint, budget_limit bigint, crossed smallint[]
) LANGUAGE plpgsql AS $$
DECLARE
    the_window usage_budgetwindow;
    held bigint;
    asked tenants_budget;
BEGIN
    SELECT * INTO asked FROM tenants_budget WHERE id = the_budget;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    INSERT INTO usage_budgetwindow AS known
        (budget_id, subject, starts_at, ends_at, spent_nano, unpriced, would_refuse)
    VALUES
        (the_budget, whose, from_moment, to_moment, GREATEST(nano, 0), unknown, 0)
    ON CONFLICT (budget_id, subject, starts_at) DO UPDATE SET
        spent_nano = GREATEST(known.spent_nano + nano, 0),
        unpriced = known.unpriced + unknown
    RETURNING * INTO the_window;
    taken := 0;
    IF nano > 0 THEN
        SELECT amount_nano INTO held FROM usage_budgetlease
        WHERE window_id = the_window.id AND worker = the_worker FOR UPDATE;
        IF held > 0 THEN
            taken := LEAST(held, nano);
            UPDATE usage_budgetlease SET amount_nano = amount_nano - taken
            WHERE window_id = the_window.id AND worker = the_worker;
        END IF;
    END IF;
    spent := the_window.spent_nano;
    budget_limit := usage_nano(asked.amount_usd);
    WITH reached AS (
        INSERT INTO usage_budgetwarning
            (window_id, percent, spent_nano, limit_nano, created_at)
        SELECT DISTINCT the_window.id, share, spent, budget_limit, now()
        FROM (
            SELECT value::smallint AS share
            FROM jsonb_array_elements_text(asked.warn_at) AS value
            UNION SELECT 100
        ) AS shares
        WHERE spent > 0 AND spent::numeric * 100 >= budget_limit::numeric * share
            AND NOT EXISTS (
                SELECT 1 FROM usage_budgetwarning w
                WHERE w.window_id = the_window.id AND w.percent = share
            )
        ON CONFLICT (window_id, percent) DO NOTHING
        RETURNING percent
    )
    SELECT array_agg(percent) INTO crossed FROM reached;
    RETURN NEXT;
END $$;

-- Returns the window that a moment is in, made if need be. What was spent in it before
-- it was made is counted from the events, under its lock: whatever is not seen by then
-- is added by those who wait for it.
CREATE FUNCTION usage_open_window(the_budget bigint, whose text, moment timestamptz)
RETURNS TABLE (
    window_key bigint, from_moment timestamptz, to_moment timestamptz,
    spent bigint, free bigint
) LANGUAGE plpgsql AS $$
DECLARE
    asked tenants_budget;
    zone text;
    the_window usage_budgetwindow;
    user_name text;
    counted bigint;
    held bigint;
BEGIN
    SELECT * INTO asked FROM tenants_budget WHERE id = the_budget;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    zone := usage_zone_of(asked.project_id, asked.organization_id);
    from_moment := usage_window_start(asked.per, moment, zone);
    to_moment := usage_window_end(asked.per, moment, zone);
    INSERT INTO usage_budgetwindow
        (budget_id, subject, starts_at, ends_at, spent_nano, unpriced, would_refuse)
    VALUES (the_budget, whose, from_moment, to_moment, 0, 0, 0)
    ON CONFLICT (budget_id, subject, starts_at) DO NOTHING;
    SELECT * INTO the_window FROM usage_budgetwindow
    WHERE budget_id = the_budget AND subject = whose AND starts_at = from_moment
    FOR UPDATE;
    IF the_window.counted_at IS NULL THEN
        SELECT external_id INTO user_name FROM tenants_enduser
        WHERE id = asked.end_user_id;
        SELECT GREATEST(COALESCE(sum(usage_nano(e.cost_usd)), 0), 0) INTO counted
        FROM usage_usageevent e
        WHERE e.occurred_at >= from_moment
            AND (to_moment IS NULL OR e.occurred_at < to_moment)
            AND e.cost_usd <> 0
            AND e.project_id IN (
                SELECT p.id FROM tenants_project p
                WHERE p.id = asked.project_id
                    OR p.organization_id = asked.organization_id
            )
            AND (asked.api_key_id IS NULL OR e.api_key_id IN (
                SELECT k.id FROM tenants_apikey k
                WHERE asked.api_key_id IN (k.id, k.rotated_to_id)
            ))
            AND (asked.alias = '' OR e.alias = asked.alias)
            AND (asked.end_user_id IS NULL OR e.end_user = user_name)
            AND (NOT asked.each_end_user OR e.end_user = whose);
        UPDATE usage_budgetwindow SET spent_nano = counted, counted_at = now()
        WHERE id = the_window.id RETURNING * INTO the_window;
    END IF;
    SELECT COALESCE(sum(amount_nano), 0) INTO held FROM usage_budgetlease
    WHERE window_id = the_window.id;
    window_key := the_window.id;
    spent := the_window.spent_nano;
    free := GREATEST(usage_nano(asked.amount_usd) - spent - held, 0);
    RETURN NEXT;
END $$;

-- Adds to a process's lease as much as is needed and free, and some to spare: a share
-- of what is left, so that the end of a budget is handed out to the nano.
CREATE FUNCTION usage_take_escrow(
    the_window bigint, the_worker text, needed bigint, spare bigint, seconds float
) RETURNS TABLE (granted bigint, spent bigint, free bigint) LANGUAGE plpgsql AS $$
DECLARE
    held bigint;
    amount numeric;
BEGIN
    SELECT w.spent_nano, b.amount_usd INTO spent, amount
    FROM usage_budgetwindow w JOIN tenants_budget b ON b.id = w.budget_id
    WHERE w.id = the_window FOR UPDATE OF w;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    SELECT COALESCE(sum(amount_nano), 0) INTO held FROM usage_budgetlease
    WHERE window_id = the_window;
    free := GREATEST(usage_nano(amount) - spent - held, 0);
    granted := LEAST(
        free, needed + LEAST(spare, GREATEST(free - needed, 0) / 16)
    );
    free := free - granted;
    INSERT INTO usage_budgetlease AS known (window_id, worker, amount_nano, expires_at)
    VALUES (the_window, the_worker, granted, now() + make_interval(secs => seconds))
    ON CONFLICT (window_id, worker) DO UPDATE SET
        amount_nano = known.amount_nano + EXCLUDED.amount_nano,
        expires_at = EXCLUDED.expires_at;
    RETURN NEXT;
END $$;
"""

NO_FUNCTIONS = """
DROP FUNCTION usage_take_escrow;
DROP FUNCTION usage_open_window;
DROP FUNCTION usage_book_spend;
DROP FUNCTION usage_zone_of;
DROP FUNCTION usage_nano;
DROP FUNCTION usage_window_end;
DROP FUNCTION usage_window_start;
DROP FUNCTION usage_instant_of;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('tenants', '0005_people_scopes_and_approvals'),
        ('usage', '0005_notifications'),
    ]

    operations = [
        migrations.AddField(
            model_name='usageevent',
            name='intent_cost_usd',
            field=models.DecimalField(decimal_places=12, help_text='What it was booked with before its exact figure came.', max_digits=24, null=True),
        ),
        migrations.CreateModel(
            name='BudgetWindow',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('subject', models.CharField(blank=True, default='', help_text='Whose it is, where each end user has a budget.', max_length=200, verbose_name='end user')),
                ('starts_at', models.DateTimeField()),
                ('ends_at', models.DateTimeField(help_text='Empty: never.', null=True)),
                ('spent_nano', models.BigIntegerField(db_default=0, default=0)),
                ('unpriced', models.BigIntegerField(db_default=0, default=0, help_text='Attempts whose cost is not known; they count 0.')),
                ('would_refuse', models.BigIntegerField(db_default=0, default=0, help_text='Requests that a hard budget would have refused (shadow).')),
                ('counted_at', models.DateTimeField(help_text='When what was spent before was counted.', null=True)),
                ('budget', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='windows', to='tenants.budget')),
            ],
            options={
                'ordering': ['-starts_at', 'budget', 'subject'],
            },
        ),
        migrations.CreateModel(
            name='BudgetWarning',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('percent', models.PositiveSmallIntegerField()),
                ('spent_nano', models.BigIntegerField()),
                ('limit_nano', models.BigIntegerField()),
                ('created_at', models.DateTimeField(db_index=True)),
                ('told_at', models.DateTimeField(help_text='When somebody was notified of it.', null=True)),
                ('window', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='warnings', to='usage.budgetwindow')),
            ],
            options={
                'ordering': ['-created_at', '-percent'],
            },
        ),
        migrations.CreateModel(
            name='BudgetLease',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('worker', models.CharField(max_length=32)),
                ('amount_nano', models.BigIntegerField()),
                ('expires_at', models.DateTimeField(db_index=True)),
                ('window', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='leases', to='usage.budgetwindow')),
            ],
            options={
                'ordering': ['window', 'worker'],
            },
        ),
        migrations.AddConstraint(
            model_name='budgetwindow',
            constraint=models.UniqueConstraint(fields=('budget', 'subject', 'starts_at'), name='budget_window_once'),
        ),
        migrations.AddConstraint(
            model_name='budgetwindow',
            constraint=models.CheckConstraint(condition=models.Q(('spent_nano__gte', 0)), name='budget_window_spent_not_negative'),
        ),
        migrations.AddConstraint(
            model_name='budgetwarning',
            constraint=models.UniqueConstraint(fields=('window', 'percent'), name='budget_warning_once'),
        ),
        migrations.AddConstraint(
            model_name='budgetlease',
            constraint=models.UniqueConstraint(fields=('window', 'worker'), name='budget_lease_once_per_worker'),
        ),
        migrations.AddConstraint(
            model_name='budgetlease',
            constraint=models.CheckConstraint(condition=models.Q(('amount_nano__gte', 0)), name='budget_lease_not_negative'),
        ),
        migrations.RunSQL(FUNCTIONS, NO_FUNCTIONS),
    ]
