"""Registration."""

from django.conf import settings
from django.db import IntegrityError
from django.utils.translation import gettext_lazy as _

from accounts.canonical import valid_account, valid_email
from accounts.codes import Purpose
from accounts.models import User
from accounts.policies import (
    check_password_rules,
    language_of_request,
    require_registration,
    valid_nickname,
)
from accounts.services.codes import Asker, entered
from imsystem.errors import BadRequest
from imsystem.limits import Limit

# Names that are tried with one code: somebody with a mailbox must not read the list of accounts.
NAMES_TAKEN = Limit("names-taken", amount=20, window_s=3_600)


def register(
    *,
    account: str,
    password: str,
    email: str,
    code: str,
    nickname: str = "",
    language: str = "",
    ip: str = "",
) -> User:
    """Creates an account for the owner of `email`. Otherwise raises BadRequest, Forbidden for an
    address that may not register here, or RateLimited for too many tries, and changes nothing.
    Mails are in `language`, or that of the request.

    Only somebody who has the code learns whether the name or the address already has an account.
    """
    require_registration(settings, email)
    account, email, nickname = _valid_names(account, email, nickname)
    check_password_rules(password, User(account=account, email=email))
    with entered(email=email, purpose=Purpose.REGISTER, code=code, asker=Asker(ip)):
        NAMES_TAKEN.take(email)
        if User.objects.filter(account=account).exists():
            raise taken(account)
        return create_user(
            account=account,
            email=email,
            nickname=nickname,
            password=password,
            language=language or language_of_request(),
        )


def add_user(*, account: str, email: str, nickname: str = "", password: str | None = None) -> User:
    """Creates an account for an administrator: the rules of `register`, without a code.

    Without a password, its owner sets one by code ("forgotten password").
    """
    account, email, nickname = _valid_names(account, email, nickname)
    if password is not None:
        check_password_rules(password, User(account=account, email=email))
    return create_user(account=account, email=email, nickname=nickname, password=password)


def _valid_names(account: str, email: str, nickname: str) -> tuple[str, str, str]:
    """Returns canonical and checked values; a user without a nickname is called by the username."""
    account, email = valid_account(account), valid_email(email)
    return account, email, valid_nickname(nickname) if nickname.strip() else account


def create_user(
    *,
    account: str,
    email: str,
    nickname: str,
    password: str | None,
    language: str = settings.LANGUAGE_CODE,
) -> User:
    """Inserts a user from canonical, checked values; None is a password nobody can give.

    Raises BadRequest when another user has the username or the address.
    """
    user = User(account=account, email=email, nickname=nickname, language=language)
    user.set_password(password)
    insert_user(user)
    return user


def insert_user(user: User) -> None:
    """Stores a new user whose values are canonical and checked. Raises BadRequest when another user
    has the username or the address."""
    try:
        user.save(force_insert=True)
    except IntegrityError:
        raise taken(user.account) from None


def taken(account: str) -> BadRequest:
    """Says which of the two unique values another user has: the username, or else the address."""
    if User.objects.filter(account=account).exists():
        return BadRequest(errors={"account": [_("This username is taken.")]})
    return BadRequest(errors={"email": [_("An account with this address already exists.")]})
