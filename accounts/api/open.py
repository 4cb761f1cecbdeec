"""Views for callers who are not signed in."""

from rest_framework.permissions import AllowAny
from rest_framework.views import APIView


class OpenView(APIView):
    """For callers who are not signed in. An expired token sent along does no harm here."""

    authentication_classes = ()
    permission_classes = (AllowAny,)
