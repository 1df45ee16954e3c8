"""What a request says to Signalbox itself: body controls and headers, checked."""

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from gateway.refusals import InvalidRequest
from gateway.types import JSON, Attribution, PriceBound, ProviderPreferences

_VISIBLE = re.compile(rb"[\x20-\x7e]*")
_LENGTHS = {
    b"x-signalbox-user": 200,
    b"x-signalbox-feature": 100,
    b"x-signalbox-feature-id": 200,
}
_MAX_FORWARDED = 2000
_MAX_TAGS = 20
_MAX_TAG_LENGTH = 64
_MAX_MODELS = 20
_MAX_NAME_LENGTH = 300
_NO_PREFERENCES = ProviderPreferences()
_NO_ATTRIBUTION = Attribution()
_PREFERENCES = frozenset(
    {"order", "only", "ignore", "allow_fallbacks", "sort", "max_price", "region"}
)
# Empty: as the alias says.
_SORTS = ("", "price", "latency")
# What a price may be for, and what it is called here.
_PRICED = {"prompt": "input", "completion": "output"}
_MOST_USD = 1_000_000
_MAX_AMOUNT_LENGTH = 32
_MAX_COST = "x-signalbox-max-cost-usd"
_MAX_COST_HEADER = _MAX_COST.encode()


def models_in(body: JSON) -> tuple[str, ...]:
    """Return the fallback list of the body's `models`."""
    models = body.get("models")
    if models is None:
        return ()
    if (
        not _is_names(models)
        or len(models) > _MAX_MODELS
        or max(map(len, models), default=0) > _MAX_NAME_LENGTH
    ):
        msg = f"'models' must be a list of at most {_MAX_MODELS} model names."
        raise InvalidRequest(msg, param="models")
    return tuple(models)


def preferences_in(body: JSON) -> ProviderPreferences:
    """Return the body's `provider` object; a field that is not known is refused."""
    wanted = body.get("provider")
    if wanted is None:
        return _NO_PREFERENCES
    if type(wanted) is not dict:
        msg = "'provider' must be an object."
        raise InvalidRequest(msg, param="provider")
    for name in wanted:
        if name not in _PREFERENCES:
            known = ", ".join(sorted(_PREFERENCES))
            msg = f"'provider.{name[:100]}' is not known; there are {known}."
            raise InvalidRequest(msg, param=f"provider.{name[:100]}")
    for name in ("order", "only", "ignore"):
        if not _is_names(wanted.get(name, [])):
            msg = f"'provider.{name}' must be a list of provider names."
            raise InvalidRequest(msg, param=f"provider.{name}")
    sort = wanted.get("sort", "")
    if sort not in _SORTS:
        msg = f"'provider.sort' must be one of {', '.join(_SORTS[1:])}."
        raise InvalidRequest(msg, param="provider.sort")
    allow = wanted.get("allow_fallbacks", True)
    region = wanted.get("region", "")
    if type(allow) is not bool or type(region) is not str:
        msg = "'provider.allow_fallbacks' is true or false, 'provider.region' a name."
        raise InvalidRequest(msg, param="provider")
    return ProviderPreferences(
        order=tuple(wanted.get("order", ())),
        only=frozenset(wanted.get("only", ())),
        ignore=frozenset(wanted.get("ignore", ())),
        allow_fallbacks=allow,
        sort=sort,
        region=region,
        max_price=_price_bound(wanted.get("max_price")),
    )


def max_cost_in(headers: Mapping[bytes, bytes]) -> Decimal | None:
    """Return the most that the request may be estimated to cost, in USD."""
    value = headers.get(_MAX_COST_HEADER)
    if value is None:
        return None
    amount = _amount(value.decode("latin-1"))
    if amount is None:
        msg = (
            f"{_MAX_COST} must be an amount in USD that is not negative, such as 0.05."
        )
        raise InvalidRequest(msg, param=_MAX_COST)
    return amount


def attribution_in(headers: Mapping[bytes, bytes]) -> Attribution:
    """Return whom and what a request is for, as its headers say."""
    user = headers.get(b"x-signalbox-user")
    feature = headers.get(b"x-signalbox-feature")
    feature_id = headers.get(b"x-signalbox-feature-id")
    tags = headers.get(b"x-signalbox-tags")
    if user is feature is feature_id is tags is None:
        return _NO_ATTRIBUTION
    return Attribution(
        end_user=_text(b"x-signalbox-user", user),
        feature=_text(b"x-signalbox-feature", feature),
        feature_id=_text(b"x-signalbox-feature-id", feature_id),
        tags=_tags(tags),
    )


def forwarded_in(
    headers: Mapping[bytes, bytes], names: Iterable[bytes]
) -> tuple[tuple[str, str], ...]:
    """Return the headers that a provider of the client's own dialect should see."""
    found: list[tuple[str, str]] = []
    for name in names:
        value = headers.get(name)
        if value is None:
            continue
        if len(value) > _MAX_FORWARDED or not _VISIBLE.fullmatch(value):
            msg = (
                f"{name.decode()} must be at most {_MAX_FORWARDED} printable "
                "ASCII characters."
            )
            raise InvalidRequest(msg, param=name.decode())
        found.append((name.decode(), value.decode("ascii")))
    return tuple(found)


def _text(name: bytes, value: bytes | None) -> str:
    if value is None:
        return ""
    if len(value) > _LENGTHS[name] or not _VISIBLE.fullmatch(value):
        msg = f"{name.decode()} must be at most {_LENGTHS[name]} printable ASCII characters."
        raise InvalidRequest(msg, param=name.decode())
    return value.decode("ascii")


def _tags(value: bytes | None) -> tuple[str, ...]:
    if value is None:
        return ()
    tags = [tag.strip() for tag in value.split(b",") if tag.strip()]
    if len(tags) > _MAX_TAGS or any(
        len(tag) > _MAX_TAG_LENGTH or not _VISIBLE.fullmatch(tag) for tag in tags
    ):
        msg = (
            f"x-signalbox-tags holds at most {_MAX_TAGS} tags of at most "
            f"{_MAX_TAG_LENGTH} printable ASCII characters, separated by commas."
        )
        raise InvalidRequest(msg, param="x-signalbox-tags")
    return tuple(tag.decode("ascii") for tag in tags)


def _price_bound(wanted: Any) -> PriceBound | None:
    """Return the bound that `max_price` sets, as one number or for each direction."""
    if wanted is None:
        return None
    given = wanted
    if type(given) is not dict:
        given = dict.fromkeys(_PRICED, wanted)
    bounds: dict[str, Decimal] = {}
    for name, value in given.items():
        if name not in _PRICED:
            msg = (
                f"'provider.max_price.{name[:100]}' is not known; "
                f"there are {', '.join(_PRICED)}."
            )
            raise InvalidRequest(msg, param=f"provider.max_price.{name[:100]}")
        amount = _amount(value)
        if amount is None:
            msg = (
                "'provider.max_price' holds USD per million tokens: "
                "one number, or {prompt, completion}."
            )
            raise InvalidRequest(msg, param="provider.max_price")
        bounds[_PRICED[name]] = amount
    return PriceBound(**bounds)


def _amount(value: Any) -> Decimal | None:
    """Return an amount of money, None for what is none."""
    if type(value) not in {str, int, float} or len(str(value)) > _MAX_AMOUNT_LENGTH:
        return None
    try:
        amount = Decimal(str(value).strip())
    except InvalidOperation:
        return None
    return amount if amount.is_finite() and 0 <= amount <= _MOST_USD else None


def _is_names(value: Any) -> bool:
    return isinstance(value, list) and all(type(v) is str and v for v in value)
