"""A report on its way out: as a mail with pictures in it, or as a signed webhook."""

import base64
from datetime import UTC
from email.mime.image import MIMEImage
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from smtplib import SMTPException

import orjson
from django.conf import settings
from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.urls import reverse

from usage.models import ReportDefinition, ReportRun
from usage.notifications.sending import NotSent, post_signed
from usage.reports.rendering import whose, with_pictures

# A webhook with more than this goes without the HTML; the CSV is in it either way.
_MAX_HTML = 2 * 1024 * 1024


def send(run: ReportRun) -> None:
    """Hand a rendered report over. Raises `NotSent`.

    Whoever gets it twice, because a worker died in between, knows it by its id.
    """
    match run.definition.delivery:
        case ReportDefinition.Delivery.EMAIL:
            _send_email(run)
        case ReportDefinition.Delivery.WEBHOOK:
            _send_webhook(run)


def file_name(run: ReportRun, ending: str) -> str:
    """Return what the report is called where it is saved."""
    whose = run.project or run.organization
    owner = "all" if whose is None else whose.slug
    return f"signalbox-{owner}-{run.period}-{run.definition_id}.{ending}"


def _send_email(run: ReportRun) -> None:
    definition = run.definition
    message = EmailMessage(
        subject=" ".join(f"{definition.name}: {whose(run)}, {run.period}".split()),
        to=definition.addresses(),
        headers={"Message-ID": run.message_id, "X-Signalbox-Report": str(run.pk)},
    )
    message.attach(_body(run))
    message.attach(file_name(run, "csv"), run.csv, "text/csv")
    try:
        message.send()
    except (OSError, SMTPException) as error:
        msg = f"The mail server did not take it: {error}"
        raise NotSent(msg) from error


def _body(run: ReportRun) -> MIMEMultipart:
    """Return the text, and beside it the HTML with its pictures."""
    text = render_to_string("reports/report.txt", {"run": run, "url": _url(run)})
    pictured = MIMEMultipart("related")
    pictured.attach(MIMEText(run.html, "html", "utf-8"))
    for name, data in run.charts.items():
        image = MIMEImage(base64.b64decode(data), "png")
        image.add_header("Content-ID", f"<{name}>")
        file = f"{name.partition('@')[0]}.png"
        image.add_header("Content-Disposition", "inline", filename=file)
        pictured.attach(image)
    either = MIMEMultipart("alternative")
    either.attach(MIMEText(text, "plain", "utf-8"))
    either.attach(pictured)
    return either


def _send_webhook(run: ReportRun) -> None:
    channel = run.definition.webhook
    if channel is None or not channel.active:
        msg = "The report's channel is switched off, or gone; choose another."
        raise NotSent(msg)
    html = with_pictures(run.html, run.charts)
    event = {
        "type": "signalbox.report",
        "timestamp": run.created_at.astimezone(UTC).isoformat(),
        "data": {
            "id": str(run.pk),
            "name": run.definition.name,
            "organization": None if run.organization is None else run.organization.slug,
            "project": None if run.project is None else run.project.slug,
            "period": run.period,
            "begins_at": run.begins_at.astimezone(UTC).isoformat(),
            "ends_at": run.ends_at.astimezone(UTC).isoformat(),
            "link": _url(run),
            "csv": run.csv,
            "html": html if len(html) <= _MAX_HTML else None,
        },
    }
    post_signed(channel, f"msg_{run.pk.hex}", orjson.dumps(event))


def _url(run: ReportRun) -> str:
    """Return where the report is shown; empty while that is not known."""
    if not settings.PUBLIC_URL:
        return ""
    path = reverse("admin:usage_reportrun_change", args=[run.pk])
    return f"{settings.PUBLIC_URL}{path}"
