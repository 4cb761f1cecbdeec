"""The request of a view that asks for a sign-in (all API views do unless they say otherwise)."""

from rest_framework.request import Request

from accounts.models import DeviceSession, User


class ApiRequest(Request):
    """For annotations: who asks, and with which device session (accounts.authentication)."""

    user: User
    auth: DeviceSession
