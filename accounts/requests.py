"""The request of a view that requires a sign-in (all API views do unless they say otherwise)."""

from rest_framework.request import Request

from accounts.models import DeviceSession, User


class ApiRequest(Request):
    """For annotations: the user, the device session, and until when their token or cookie is valid,
    in Unix milliseconds (accounts.authentication)."""

    user: User
    auth: DeviceSession
    expires_at_ms: int
