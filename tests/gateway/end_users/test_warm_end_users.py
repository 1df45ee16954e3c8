"""A warm request for an end user asks PostgreSQL nothing, registered or not."""

import httpx
import pytest

from tenants.models import ApiKey, Budget, EndUser, Limit, Project
from tests.gateway.conftest import Offer
from tests.gateway.live import LiveGateway
from tests.gateway.test_warm_path import BODY, PATH, statements

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("has_users", [True, False])
def test_end_users_are_asked_about_once(
    live: LiveGateway, project: Project, offer: Offer, has_users: bool
) -> None:
    offer("sim-chat")
    _, key = ApiKey.issue(project, "k")
    if has_users:
        user = EndUser.objects.create(project=project, external_id="ada")
        Limit.objects.create(
            project=project, end_user=user, metric="requests", amount=999, per="hour"
        )
        Budget.objects.create(project=project, end_user=user, amount_usd=5, mode="soft")
    live.caught_up()

    def ask(user: str) -> int:
        headers = {"authorization": f"Bearer {key}", "x-signalbox-user": user}
        answer = httpx.post(live.url + PATH, json=BODY, headers=headers)
        return answer.status_code

    users = ["ada", "nobody-we-know"]
    assert [ask(user) for user in users * 2] == [200] * 4
    live.settled()

    with statements() as found:
        statuses = [ask(user) for user in users * 10]

    assert statuses == [200] * 20
    about_users = [each for each in found if "enduser" in each]
    assert about_users == []
