"""Jobs in Django admin: who may see and do what, and that it is audited."""

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from accounts.models import User
from imsystem.jobs.models import Job, State
from tests.conftest import new_user
from tests.imsystem.jobs.kinds import fail, note_secret
from tests.jobs import run_jobs

LIST = "/admin/jobs/job/"


def client_of(**rights: bool) -> Client:
    user = new_user("staff")
    User.objects.filter(pk=user.pk).update(**rights)
    client = Client()
    client.force_login(User.objects.get(pk=user.pk), backend="accounts.backends.AccountBackend")
    return client


def act(client: Client, action: str, *identities: str) -> Any:
    return client.post(LIST, {"action": action, "_selected_action": identities}, follow=True)


@pytest.fixture
def failed(done: list[Any]) -> Job:
    fail.enqueue("never")
    run_jobs("test-plain")
    return Job.objects.get()


def test_a_superuser_runs_a_failed_job_again(failed: Job) -> None:
    boss = client_of(is_staff=True, is_superuser=True)
    page = boss.get(LIST, {"state": "failed"}).content.decode()
    assert "550 5.1.1" in page
    answer = act(boss, "run_again", failed.pk)
    assert "Jobs queued again: 1." in answer.content.decode()
    assert Job.objects.get().state == State.ACTIVE
    entry = LogEntry.objects.get(object_id=failed.pk)
    assert "Run again." in entry.get_change_message()


def test_a_superuser_cancels(done: list[Any]) -> None:
    identity = note_secret.enqueue("hush").id
    boss = client_of(is_staff=True, is_superuser=True)
    assert "Jobs cancelled: 1." in act(boss, "cancel", identity).content.decode()
    assert Job.objects.get().state == State.CANCELLED
    assert LogEntry.objects.filter(object_id=identity).count() == 1


def test_staff_without_permission_do_nothing(failed: Job) -> None:
    staff = client_of(is_staff=True)
    assert staff.get(LIST).status_code == 403
    assert act(staff, "run_again", failed.pk).status_code == 403
    assert Job.objects.get().state == State.FAILED


def test_members_are_sent_away(failed: Job) -> None:
    assert client_of().get(LIST).status_code == 302


def test_arguments_are_not_shown_and_nothing_is_changed_by_hand(done: list[Any]) -> None:
    identity = note_secret.enqueue("hush").id
    boss = client_of(is_staff=True, is_superuser=True)
    page = boss.get(f"{LIST}{identity}/change/")
    assert page.status_code == 200
    assert Job.objects.get().payload not in page.content.decode()
    assert boss.get(f"{LIST}add/").status_code == 403
    assert boss.post(f"{LIST}{identity}/delete/", {"post": "yes"}).status_code == 403
