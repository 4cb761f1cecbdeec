from django.apps import AppConfig


class RoomsConfig(AppConfig):
    name = "rooms"

    def ready(self) -> None:
        from accounts.providers import provide_contacts
        from accounts.services import before_leaving, contribute
        from rooms.export import exported_rooms
        from rooms.leaving import leave_all_groups
        from rooms.selectors import contacts_among

        provide_contacts(contacts_among)
        before_leaving(leave_all_groups)
        contribute("rooms", exported_rooms)
