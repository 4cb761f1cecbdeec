"""The page's bootstrap: what its scripts need to know about the server."""

from django import template
from django.utils.html import json_script
from django.utils.safestring import SafeString

from imsystem.http.server_info import server_info

register = template.Library()


@register.simple_tag(name="server_info")
def server_info_tag() -> SafeString:
    """Renders `<script id="server-info" type="application/json">` with the JSON of the route."""
    return json_script(server_info(), "server-info")
