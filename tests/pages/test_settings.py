"""The pages for address, privacy, data and the end of the account, without JavaScript."""

import pytest

from accounts import online, services
from accounts.models import TwoFactor, User
from chat import inbox
from imsystem.loops import run_on_loop
from rooms import services as rooms
from tests.conftest import Cast
from tests.mailbox import delivered, delivered_to
from tests.pages.conftest import PASSWORD, browser, field_errors, text

NEW = "nora@example.com"


@pytest.fixture
def alice() -> User:
    return services.create_user(
        account="alice", email="alice@example.org", nickname="Alice", password=PASSWORD
    )


def code_for(address: str) -> str:
    return delivered_to(address)[-1].subject[:6]


# --- the address ----------------------------------------------------------------------------


def test_changing_the_address_in_two_steps(alice: User) -> None:
    client = browser(alice)
    sent = client.post("/accounts/email/", {"email": NEW, "action": "send_code"})
    assert "The code is valid for 10 minutes." in text(sent)
    fields = {"email": NEW, "code": code_for(NEW), "password": PASSWORD, "action": "change"}
    done = client.post("/accounts/email/", fields, follow=True)
    assert done.redirect_chain == [("/accounts/profile/", 302)]
    assert "Your e-mail address has been changed." in text(done)
    assert User.objects.get().email == NEW


def test_enter_with_nothing_but_an_address_sends_a_code(alice: User) -> None:
    browser(alice).post("/accounts/email/", {"email": NEW})
    assert [mail.to for mail in delivered()] == [[NEW]]


def test_errors_stand_at_their_fields_and_secrets_are_not_shown_again(alice: User) -> None:
    client = browser(alice)
    fields = {"email": NEW, "code": "000000", "password": "wrong one", "action": "change"}
    refused = client.post("/accounts/email/", fields)
    assert field_errors(refused) == {"password": ["This is not your current password."]}
    assert "wrong one" not in refused.content.decode()
    refused = client.post("/accounts/email/", {**fields, "password": PASSWORD})
    assert field_errors(refused) == {"code": ["This code is wrong or has expired."]}
    sent = client.post("/accounts/email/", {**fields, "action": "send_code"})
    assert "wrong one" not in sent.content.decode()
    assert 'value="000000"' not in sent.content.decode()


def test_a_code_for_the_second_factor_is_asked_of_those_who_have_one(alice: User) -> None:
    for page in ("email", "data", "delete"):
        response = browser(alice).get(f"/accounts/{page}/")
        assert "otp" not in response.context["form"].fields
        assert 'name="otp"' not in response.content.decode()
    TwoFactor.objects.create(user=alice, secret="x", confirmed_at=1)
    for page in ("email", "data", "delete"):
        response = browser(alice).get(f"/accounts/{page}/")
        assert 'name="otp"' in response.content.decode()
        refused = browser(alice).post(
            f"/accounts/{page}/", {"account": "alice", "password": PASSWORD, "action": "change"}
        )
        assert "otp" in field_errors(refused)


# --- privacy --------------------------------------------------------------------------------


def test_privacy(alice: User) -> None:
    client = browser(alice)
    page = client.get("/accounts/privacy/").content.decode()
    assert page.count("selected") == 3
    chosen = {"who_may_add": "contacts", "who_sees_online": "nobody", "read_receipts": "off"}
    done = client.post("/accounts/privacy/", chosen, follow=True)
    assert "Saved." in text(done)
    user = User.objects.get()
    found = (user.who_may_add, user.who_sees_online, user.read_receipts)
    assert found == ("contacts", "nobody", False)
    assert [done.context["form"][name].value() for name in chosen] == list(chosen.values())


def test_made_up_settings_change_nothing(alice: User) -> None:
    chosen = {"who_may_add": "friends", "who_sees_online": "", "read_receipts": "true"}
    refused = browser(alice).post("/accounts/privacy/", chosen)
    assert set(field_errors(refused)) == set(chosen)
    assert User.objects.get().who_may_add == "everyone"


def test_who_may_not_be_added_is_told_on_the_page(cast: Cast) -> None:
    User.objects.filter(pk=cast.outsider.pk).update(who_may_add="nobody")
    client, account = browser(cast.owner), cast.outsider.account
    refused = client.post("/rooms/direct/", {"account": account})
    assert "This person's privacy settings don't allow this." in text(refused)
    settings = f"/rooms/{cast.room.pk}/settings/"
    refused = client.post(settings, {"action": "add", "account": account}, follow=True)
    assert "This person's privacy settings don't allow this." in text(refused)


# --- the end --------------------------------------------------------------------------------


def test_deleting_takes_the_name_of_the_account_and_the_password(alice: User) -> None:
    client = browser(alice)
    assert "What will be deleted" in text(client.get("/accounts/delete/"))
    refused = client.post("/accounts/delete/", {"account": "alicia", "password": PASSWORD})
    assert field_errors(refused) == {"account": ["This is not your username."]}
    refused = client.post("/accounts/delete/", {"account": "alice", "password": "wrong"})
    assert field_errors(refused) == {"password": ["This is not your current password."]}
    assert User.objects.get().is_active
    done = client.post(
        "/accounts/delete/", {"account": " Alice ", "password": PASSWORD}, follow=True
    )
    assert done.redirect_chain == [("/accounts/login/", 302)]
    assert "Your account has been deleted." in text(done)
    assert User.objects.get().deleted_at is not None
    assert client.get("/accounts/profile/").status_code == 302


def test_the_last_administrator_is_told_why_not(alice: User) -> None:
    User.objects.filter(pk=alice.pk).update(is_superuser=True)
    refused = browser(alice).post("/accounts/delete/", {"account": "alice", "password": PASSWORD})
    assert "This is the only administrator." in text(refused)


def test_pages_call_a_deleted_person_so_in_the_readers_language(cast: Cast, alice: User) -> None:
    room, _created = rooms.open_direct(inbox=inbox, user=alice, peer_identity=cast.member.pk)
    services.delete_account(user=alice)
    page = browser(cast.member).get(f"/chat/{room.pk}/")
    assert "Deleted user" in text(page)
    assert "Alice" not in text(page)


def test_who_is_online_is_said_in_words(cast: Cast) -> None:
    room, _created = rooms.open_direct(inbox=inbox, user=cast.owner, peer_identity=cast.member.pk)
    client = browser(cast.owner)
    page = client.get(f"/chat/{room.pk}/")
    assert "· online" not in text(page)
    run_on_loop(online.enter("hub", [cast.member.pk]))
    page = client.get(f"/chat/{room.pk}/")
    assert "· online" in text(page)
    assert '<span class="online"><span class="visually-hidden">online</span></span>' in (
        page.content.decode()
    )
