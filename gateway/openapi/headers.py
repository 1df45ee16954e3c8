"""Headers of the operations, those that are asked and those that are answered."""

from drf_spectacular.utils import OpenApiParameter


def _asked(name: str, description: str) -> OpenApiParameter:
    return OpenApiParameter(name, str, "header", description=description)


def _answered(
    name: str, description: str, statuses: list[int] | bool
) -> OpenApiParameter:
    return OpenApiParameter(
        name, str, "header", description=description, response=statuses
    )


PROJECT = _asked(
    "x-project-id",
    "Slug or id of the key's project; another one's is refused with 403.",
)

ATTRIBUTION = [
    _asked("x-signalbox-user", "End user of the project; kept with the usage."),
    _asked(
        "x-signalbox-feature", "Feature of the project's product; kept with the usage."
    ),
    _asked(
        "x-signalbox-feature-id", "One instance of the feature; kept with the usage."
    ),
    _asked(
        "x-signalbox-tags", "Up to 20 tags, separated by commas; kept with the usage."
    ),
]

BOUNDS = [
    _asked(
        "x-signalbox-max-cost-usd",
        "The most that the request may be expected to cost, in USD.",
    ),
    _asked(
        "x-signalbox-cache",
        "`off`, `refresh`, or for how many seconds an answer may be kept.",
    ),
    _asked(
        "Idempotency-Key",
        "Names the request, so that it is answered once however often it is sent.",
    ),
]

REQUEST_ID = _answered(
    "x-request-id",
    "Id of this request, which its usage events hold.",
    statuses=True,
)

ANSWER = [
    _answered(f"x-signalbox-{name}", description, [200])
    for name, description in (
        ("provider", "Slug of the provider that answered."),
        ("model", "The provider's own id of the model that answered."),
        ("alias", "Alias that was asked for; empty for a model's own name."),
        ("strategy", "How the candidates were ordered."),
        ("attempts", "Upstream calls made for this request."),
        ("fallback", "`true` when not the first choice answered."),
        (
            "cache",
            "`hit`: known; `coalesced`: asked by another just now; `miss`; `bypass`.",
        ),
        ("cost-usd", "Exact cost in USD; not on streams, nor without a price."),
        ("overhead-ms", "Time spent in Signalbox, not upstream."),
        ("config-version", "Version of the configuration that it was served under."),
        ("limits", "`local` while Redis is away and limits are shared out."),
    )
] + [
    _answered(f"x-ratelimit-{figure}-{metric}", description, [200, 429])
    for metric in ("requests", "tokens")
    for figure, description in (
        ("limit", f"Amount of the tightest limit on {metric}."),
        ("remaining", "What is left of it."),
        ("reset", "Seconds until all of it is back, such as `0.250s`."),
    )
]

WAITING = [
    _answered("retry-after", "Seconds to wait.", [409, 429, 503]),
    _answered("retry-after-ms", "The same in milliseconds.", [429]),
    _answered(
        "x-should-retry", "`false` where waiting does not help.", [402, 502, 504]
    ),
]

# Those of every operation that a model answers.
INFERENCE = [PROJECT, *ATTRIBUTION, *BOUNDS, REQUEST_ID, *ANSWER, *WAITING]
