"""The forms of rooms. Names as in the API; the rules are the services'."""

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.pages import PageForm
from rooms.choices import History, JoinRule
from rooms.text import MAX_INFO, MAX_NAME


class RoomForm(PageForm):
    name = forms.CharField(
        label=_("Name"), max_length=MAX_NAME, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )
    info = forms.CharField(
        label=_("Description"),
        required=False,
        max_length=MAX_INFO,
        help_text=_("What the group is about. Anyone who knows the group number can read this."),
        widget=forms.Textarea(attrs={"rows": 3}),
    )


class SettingsForm(RoomForm):
    join_rule = forms.ChoiceField(label=_("Who can join"), choices=JoinRule.choices)
    history = forms.ChoiceField(label=_("Earlier messages"), choices=History.choices)


class NumberForm(PageForm):
    number = forms.CharField(
        label=_("Group number"),
        max_length=32,
        help_text=_("6 to 9 digits. Ask someone who is in the group."),
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
    )


class AddedForm(PageForm):
    user_identity = forms.CharField(required=False, max_length=24)
    days = forms.TypedChoiceField(
        label=_("Added"),
        required=False,
        coerce=int,
        empty_value=None,
        choices=[
            ("", _("At any time")),
            (1, _("In the last day")),
            (7, _("In the last 7 days")),
            (30, _("In the last 30 days")),
        ],
    )


class PersonForm(PageForm):
    account = forms.CharField(
        label=_("Username"),
        max_length=254,
        help_text=_("The exact username, not the nickname."),
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}
        ),
    )
