"""JSON of the API: what DRF's own renderer makes of it, and nothing that it would refuse."""

import json
from typing import Any

import pytest
from bson import Int64
from django.utils.translation import gettext_lazy, override
from rest_framework import renderers
from rest_framework.exceptions import ErrorDetail
from rest_framework.utils.serializer_helpers import ReturnList

from imsystem.http.renderers import JSONRenderer
from rooms.choices import Role


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"created_at": Int64(2**53 + 1), "reply_to": None, "edited": False},
        {"messages": [{"data": '你好 "quoted" \\ </script> \n 👩‍👩‍👧'}]},
        ReturnList([{"a": 1}, {"b": 2}], serializer=None),
        {"errors": {"name": [ErrorDetail("Too long.", code="max_length")]}},
        {"role": Role.OWNER},
        {"text": gettext_lazy("Use only one of before, after and around.")},
    ],
)
def test_the_answer_is_what_drf_makes_of_it(data: Any) -> None:
    assert JSONRenderer().render(data) == renderers.JSONRenderer().render(data)


def test_no_data_is_no_body() -> None:
    assert JSONRenderer().render(None) == b""


def test_a_text_is_translated_when_it_is_encoded() -> None:
    text = gettext_lazy("Some fields are not valid.")
    english = JSONRenderer().render([text])
    with override("zh-hans"):
        chinese = JSONRenderer().render([text])
    assert json.loads(english) == ["Some fields are not valid."]
    assert json.loads(chinese) == ["部分字段无效。"]


def test_what_is_no_json_is_an_error_not_a_guess() -> None:
    with pytest.raises(TypeError, match="object"):
        JSONRenderer().render({"thing": object()})
