"""Django admin pages that leave a line when somebody reads them."""

from collections.abc import Iterable
from typing import Any

from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.http import HttpRequest, HttpResponse

from accounts.pages import signed_in_user
from accounts.services.audit import record_reading
from imsystem.admin import BasicAdmin, ReadOnlyAdmin
from imsystem.ids import is_identity


class AuditedAdmin(BasicAdmin):
    """Records who read what before it is shown: without the entry there is no page.

    `about_field` names the room or the user whose data an object is.
    """

    about_field = "pk"

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        answer = super().changelist_view(request, extra_context)
        context = getattr(answer, "context_data", None) or {}
        if "cl" in context:
            shown = list(context["cl"].result_list)
            self._record(request, "search" if request.GET.get("q") else "list", shown)
        elif context:  # an action that asks for confirmation, and names the users it is about
            chosen = request.POST.getlist(ACTION_CHECKBOX_NAME)
            self._record(request, "list", self.get_queryset(request).filter(pk__in=chosen))
        return answer

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        answer = super().changeform_view(request, object_id, form_url, extra_context)
        self._record_one(request, answer, "view", object_id)
        return answer

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        answer = super().history_view(request, object_id, extra_context)
        self._record_one(request, answer, "history", object_id)
        return answer

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> Any:
        answer = super().delete_view(request, object_id, extra_context)
        self._record_one(request, answer, "view", object_id)
        return answer

    def _record_one(
        self, request: HttpRequest, answer: HttpResponse, action: str, object_id: str | None
    ) -> None:
        """Only for what is shown: a redirect shows nothing, and a new object does not belong to
        anybody yet."""
        if object_id is None or not getattr(answer, "context_data", None):
            return
        found = self.get_queryset(request).filter(pk=object_id)
        self._record(request, action, found, subject=object_id)

    def _record(
        self, request: HttpRequest, action: str, shown: Iterable[Any], subject: str = ""
    ) -> None:
        about = [str(getattr(row, self.about_field)) for row in shown]
        record_reading(
            actor=signed_in_user(request),
            action=action,
            what=self.opts.label_lower,
            subject=subject or _identity_in(request.GET.get("q", "")),
            about=about,
        )


class AuditedReadOnlyAdmin(AuditedAdmin, ReadOnlyAdmin):
    """A model that staff may look at, which leaves an entry; nothing is added, changed or deleted
    here."""


def _identity_in(search: str) -> str:
    """Returns what was searched for, if it names something. The words may be those of a message."""
    term = search.strip()
    return term if is_identity(term) or (term.isdecimal() and len(term) <= 24) else ""
