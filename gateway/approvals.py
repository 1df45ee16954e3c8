"""The gate before what is dear: who asks for it waits until somebody has agreed.

A request whose estimate is above its project's threshold is kept as an approval and
refused; once it is approved, the same request goes through one time.
"""

import hashlib
import json
import logging
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from django.conf import settings
from django.db import DatabaseError

from gateway.candidates import Candidate
from gateway.configuration.database_threads import (
    ConfigurationUnavailable,
    DatabaseThreads,
)
from gateway.configuration.records import KeyRecord, ProjectRecord
from gateway.idempotency.keys import said_in_body
from gateway.refusals import ApprovalRequired, InvalidRequest, Overloaded
from gateway.selection.estimates import USUAL_OUTPUT_TOKENS, estimate_for
from gateway.types import InferenceRequest
from tenants import approvals
from tenants.models import Approval, Project
from usage import captures
from usage.captures import Capture
from usage.notifications.telling import News, tell

logger = logging.getLogger(__name__)

HEADER = b"x-signalbox-approval"
_NAME = HEADER.decode()
# No model's name makes an estimate larger than this many times the first guess.
_MOST_FACTOR = 2.0
_ANSWER_S = 5.0
_DEFAULT_THRESHOLD = Decimal(settings.AUTO_APPROVE_THRESHOLD_USD)


def above_threshold(
    request: InferenceRequest,
    project: ProjectRecord,
    route: Sequence[Candidate],
    input_tokens: int,
) -> Mapping[int, Decimal]:
    """Return what the request may cost at those targets, by place, that need approval.

    The answer is taken to be as long as the request allows; where it does not say, as
    long as answers usually are. A model without a price has no estimate.
    """
    threshold = project.auto_approve_threshold_usd
    if threshold is None:
        threshold = _DEFAULT_THRESHOLD
    bound = float(threshold) / _MOST_FACTOR
    output = request.max_output_tokens or USUAL_OUTPUT_TOKENS
    found: dict[int, Decimal] = {}
    for place, candidate in enumerate(route):
        sheet = candidate.prices
        if sheet is None:
            continue
        per_input, per_output, once = sheet.dearest
        guess = input_tokens * per_input + output * per_output + once
        if guess < bound and not request.units:
            continue
        usd = _estimate(request, candidate, input_tokens)
        if usd is not None and usd > threshold:
            found[place] = usd
    return found


def _estimate(
    request: InferenceRequest, candidate: Candidate, input_tokens: int
) -> Decimal | None:
    found = estimate_for(request, input_tokens, candidate.model, candidate.prices)
    stated = request.max_output_tokens is not None
    return found.max_usd if stated else found.expected_usd


class Approvals:
    """Belongs to one event loop; only requests above a threshold come here."""

    def __init__(self) -> None:
        self._threads = DatabaseThreads(
            1, statement_s=_ANSWER_S, answer_s=_ANSWER_S, read_only=False
        )

    async def stop(self) -> None:
        await self._threads.stop()

    async def pass_gate(
        self,
        request: InferenceRequest,
        key: KeyRecord,
        alias: str,
        route: list[Candidate],
        dear: Mapping[int, Decimal],
    ) -> tuple[list[Candidate], uuid.UUID | None]:
        """Return who may be asked, and the approval that was taken for it.

        Where the first target needs approval, it holds for all; where only later ones
        do, they are not asked. Raises `ApprovalRequired`.
        """
        if 0 in dear:
            return route, await self.require(request, key, route[0], alias, dear[0])
        return [each for n, each in enumerate(route) if n not in dear], None

    async def require(
        self,
        request: InferenceRequest,
        key: KeyRecord,
        candidate: Candidate,
        alias: str,
        estimate_usd: Decimal,
    ) -> uuid.UUID:
        """Take the approval that the request names, and return its id.

        Raises `ApprovalRequired` where there is none to be taken; what is to be decided
        on is in the queue then.
        """
        digest = digest_of(request)
        named = _named(request.approval)
        try:
            if named is not None and await self._threads.read(
                approvals.use, named, key.project.id, digest
            ):
                return named
            found = await self._threads.read(
                _keep, request, key, candidate, alias, estimate_usd, digest
            )
        except (ConfigurationUnavailable, DatabaseError) as error:
            msg = (
                "This request needs approval, which cannot be looked up at the moment; "
                "try again shortly."
            )
            raise Overloaded(msg, headers={"retry-after": "5"}) from error
        except approvals.TooManyPending as error:
            msg = (
                "This request needs approval, and too many of this project's wait for "
                "it already."
            )
            raise ApprovalRequired(msg) from error
        raise _refusal(found, was_named=named)

    async def give_back(self, approval_id: uuid.UUID | None) -> None:
        """Let an approval, if one was taken, be used again: it came to nothing."""
        if approval_id is None:
            return
        try:
            await self._threads.read(approvals.give_back, approval_id)
        except (ConfigurationUnavailable, DatabaseError):
            logger.warning(
                "approval not given back", extra={"approval": str(approval_id)}
            )


def digest_of(request: InferenceRequest) -> bytes:
    """Return the digest of path, scope and body, however the body's members are ordered."""
    path = request.path
    if request.context is not None:
        path += f" with the context {request.context.scope}"
    return hashlib.sha256(path.encode() + b"\n" + _said(request)).digest()


def _said(request: InferenceRequest) -> bytes:
    if request.content and b"json" not in request.content_type:
        return b"".join(said_in_body(request.content, request.content_type))
    text = json.dumps(
        request.body, sort_keys=True, separators=(",", ":"), ensure_ascii=False
    )
    return text.encode("utf-8", "surrogatepass")


def _named(value: bytes) -> uuid.UUID | None:
    if not value:
        return None
    try:
        return uuid.UUID(value.decode("ascii"))
    except ValueError as error:
        msg = f"{_NAME} must be the id that the refusal named."
        raise InvalidRequest(msg, param=_NAME) from error


def _keep(
    request: InferenceRequest,
    key: KeyRecord,
    candidate: Candidate,
    alias: str,
    estimate_usd: Decimal,
    digest: bytes,
) -> Approval:
    """Put the request into the queue, and tell those who decide."""
    project = Project.objects.select_related("organization").get(pk=key.project.id)
    threshold = key.project.auto_approve_threshold_usd
    wanted = Approval(
        project=project,
        api_key_id=key.pk,
        end_user=request.attribution.end_user,
        operation=request.operation,
        path=request.path[:500],
        alias=alias[:200],
        provider=candidate.model.provider.slug,
        model=candidate.model.model_id[:200],
        digest=digest,
        estimate_usd=estimate_usd,
        threshold_usd=_DEFAULT_THRESHOLD if threshold is None else threshold,
        expires_at=datetime.now(UTC) + timedelta(hours=settings.APPROVAL_HOURS),
    )
    approval, is_new = approvals.open_approval(wanted)
    if is_new:
        if key.project.capture:
            captures.store([_capture(request, key.project, approval)])
        tell(_news(approval), project=project)
    return approval


def _capture(
    request: InferenceRequest, project: ProjectRecord, approval: Approval
) -> Capture:
    """Return what is decided on, for those who may read what the project captures."""
    return Capture(
        project_id=project.id,
        request_id=str(approval.pk),
        end_user=approval.end_user,
        path=approval.path,
        status=ApprovalRequired.status_code,
        occurred_at=datetime.now(UTC),
        keep_days=project.capture_retention_days,
        patterns=project.capture_redactions,
        request=_said(request),
        answer=b"",
    )


def _news(approval: Approval) -> News:
    usd = f"{approval.estimate_usd:.4f}"
    return News(
        topic="approval",
        once=f"approval:{approval.pk}",
        title=f"{approval.project}: a request of about {usd} USD waits for approval",
        text=(
            f"{approval.provider}/{approval.model}, {approval.operation}, asked for "
            f"with key {approval.api_key.prefix if approval.api_key else '?'}…. Above "
            f"{approval.threshold_usd:f} USD somebody has to agree, until "
            f"{approval.expires_at:%Y-%m-%d %H:%M} UTC."
        ),
        link=admin_path(approval.pk),
        facts={
            "approval_id": str(approval.pk),
            "estimate_usd": usd,
            "provider": approval.provider,
            "model": approval.model,
            "digest": bytes(approval.digest).hex(),
        },
    )


def admin_path(approval_id: uuid.UUID) -> str:
    return f"/admin/tenants/approval/{approval_id}/change/"


def _refusal(approval: Approval, was_named: uuid.UUID | None) -> ApprovalRequired:
    approval_id = str(approval.pk)
    if approval.state == approvals.State.APPROVED:
        what = f"It is approved: send it once more with '{_NAME}: {approval_id}'."
    elif was_named is not None:
        what = (
            f"The approval {was_named} is not one for this request that can be used "
            f"now; approval {approval_id} waits for a decision."
        )
    else:
        what = f"Once {approval_id} is approved, send it again with '{_NAME}: {approval_id}'."
    msg = (
        f"This request may cost about {approval.estimate_usd:.4f} USD; above "
        f"{approval.threshold_usd:f} USD somebody has to approve. {what}"
    )
    return ApprovalRequired(
        msg,
        headers={"x-should-retry": "false"},
        extra={
            "approval_id": approval_id,
            "approval_url": f"{settings.PUBLIC_URL}{admin_path(approval.pk)}",
            "expires_at": approval.expires_at.astimezone(UTC).isoformat(),
        },
    )
