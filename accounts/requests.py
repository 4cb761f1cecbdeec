"""The request of a view that asks for a sign-in (all API views do unless they say otherwise)."""

from rest_framework.request import Request

from accounts.models import DeviceSession, User


class ApiRequest(Request):
    """For annotations: who asks, with which device session, and until when what they showed for
    it is good, in Unix milliseconds (accounts.authentication)."""

    user: User
    auth: DeviceSession
    expires_at_ms: int
