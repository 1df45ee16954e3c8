"""How large, deep and long a workflow may become. docs/workflows.md lists these."""

from datetime import timedelta
from decimal import Decimal

# A definition.
MAX_STEPS = 200
MAX_DEFINITION_BYTES = 256 * 1024
MAX_NAME_LENGTH = 200
MAX_ID_LENGTH = 64
MAX_LINKS = 200
MAX_MISTAKES = 100
MAX_EXPRESSION_LENGTH = 2_000
MAX_EXPRESSION_DEPTH = 32

# What a run takes in and gives out, as JSON.
MAX_INPUT_BYTES = 1024 * 1024
MAX_OUTPUT_BYTES = 1024 * 1024
# What a step is given once its placeholders have been filled.
MAX_STEP_INPUT_BYTES = 2 * 1024 * 1024

# Repeats.
MAX_ATTEMPTS = 10
MAX_DELAY_MS = 3_600_000
MAX_BACKOFF = timedelta(minutes=15)
# So often a step that was cut off is begun again: it may be what its workers die of.
MAX_INTERRUPTIONS = 3

# Fan-out.
MAX_ITEMS = 1_000
MAX_ITEMS_AT_ONCE = 50
USUAL_ITEMS_AT_ONCE = 5
MAX_DEPTH = 5
MAX_ACTIVE_RUNS = 10_000

# Time.
USUAL_STEP_TIME = timedelta(minutes=10)
MAX_STEP_TIME = timedelta(hours=1)
USUAL_RUN_TIME = timedelta(days=7)
MAX_RUN_TIME = timedelta(days=30)
USUAL_APPROVAL_TIME = timedelta(days=3)
MAX_WAIT = timedelta(days=30)
MAX_SYNCHRONOUS_S = 60.0

# Money.
MAX_COST_USD = Decimal(1_000_000)
