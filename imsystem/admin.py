"""What our admin pages share."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin
from django.contrib.auth.models import Group
from django.db.models import ManyToManyField, Q, QuerySet
from django.forms import ModelMultipleChoiceField
from django.http import HttpRequest
from django.utils import timezone
from django.utils.formats import localize
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Any]
else:
    ModelAdmin = admin.ModelAdmin  # generic for the type checker only

MAX_SEARCH = 100


def local_time(milliseconds: int | None) -> str:
    """Returns a stored time for people, "-" for never."""
    if not milliseconds:
        return "-"
    return localize(timezone.localtime(datetime.fromtimestamp(milliseconds / 1000, tz=UTC)))


class BasicAdmin(ModelAdmin):
    """Times shown for people, and ways of searching and deleting that suit MongoDB.

    `exact_search` are fields whose whole value must be typed, `part_search` fields of which any
    part will do. Django's own search prefixes end in iexact and regular expressions, which this
    backend does not escape.
    """

    show_full_result_count = False  # would count the whole collection for every page
    exact_search: Sequence[str] = ()
    part_search: Sequence[str] = ()

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """The filters beside the list, and no others: Django allows every field of the model, so
        `?password__startswith=` would reveal a password's hash letter by letter, and patterns would
        reach the database unescaped."""
        field, _, comparison = lookup.partition("__")
        return field in self.list_filter and comparison in ("", "exact", "isnull")

    def get_search_fields(self, request: HttpRequest) -> tuple[str, ...]:
        return (*self.exact_search, *self.part_search)  # shows the search box

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip()[:MAX_SEARCH]
        if not term:
            return queryset, False
        wanted = Q()
        for field in self.exact_search:
            wanted |= Q(**{field: term})
        for field in self.part_search:
            wanted |= Q(**{f"{field}__icontains": term})  # escaped by the backend
        return queryset.filter(wanted), False

    @admin.display(description=_("created"), ordering="created_at")
    def created(self, instance: Any) -> str:
        return local_time(instance.created_at)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        self.model._default_manager.filter(
            pk__in=list(queryset.values_list("pk", flat=True))
        ).delete()


class ReadOnlyAdmin(BasicAdmin):
    """A model that may be looked at; nothing is added, changed or deleted here."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def is_superuser(request: HttpRequest) -> bool:
    """Returns whether the caller is a superuser."""
    return bool(getattr(request.user, "is_superuser", False))


class PlainGroupAdmin(GroupAdmin):
    """Groups, changed by superusers only: somebody who could change a group that they are in could
    give themselves any right.

    Django's own page joins permissions and their types; SecantusDB answers joined projections with
    1, and the page failed.
    """

    def has_add_permission(self, request: HttpRequest) -> bool:
        return is_superuser(request) and super().has_add_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return is_superuser(request) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return is_superuser(request) and super().has_delete_permission(request, obj)

    def formfield_for_manytomany(
        self,
        db_field: "ManyToManyField[Any, Any]",
        request: HttpRequest | None = None,
        **kwargs: Any,
    ) -> "ModelMultipleChoiceField[Any] | None":
        field = super().formfield_for_manytomany(db_field, request, **kwargs)
        if field is not None and field.queryset is not None and db_field.name == "permissions":
            field.queryset = field.queryset.select_related(None).prefetch_related("content_type")
        return field


admin.site.unregister(Group)
admin.site.register(Group, PlainGroupAdmin)
