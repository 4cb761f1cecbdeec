"""What every API view does with its input: a serializer checks it, a service gets it."""

from typing import Any, cast

from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.serializers import Serializer


def body_of(request: Request, serializer: type[Serializer[Any]]) -> dict[str, Any]:
    """The validated body; ValidationError (400) otherwise."""
    shape = serializer(data=request.data)
    shape.is_valid(raise_exception=True)
    return cast(dict[str, Any], shape.validated_data)


def query_of(request: Request, serializer: type[Serializer[Any]]) -> dict[str, Any]:
    """The validated query parameters; ValidationError also for one that is given twice."""
    given = request.query_params
    doubled = [name for name in given if len(given.getlist(name)) > 1]
    if doubled:
        raise ValidationError({name: [_("Give this parameter once.")] for name in doubled})
    shape = serializer(data=given.dict())
    shape.is_valid(raise_exception=True)
    return cast(dict[str, Any], shape.validated_data)
