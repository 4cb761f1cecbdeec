"""The site that Django admin's pages belong to."""

from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse


class Site(AdminSite):
    """Django's, without the address that completes names: it lists users to anybody who may see
    some, no page of ours uses it, and it would leave no entry in the audit."""

    def autocomplete_view(self, request: HttpRequest) -> HttpResponse:
        raise PermissionDenied
