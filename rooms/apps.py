from django.apps import AppConfig


class RoomsConfig(AppConfig):
    name = "rooms"

    def ready(self) -> None:
        from accounts.providers import provide_contacts, provide_topics
        from accounts.services import before_deletion, contribute
        from rooms.account_deletion import leave_all_groups
        from rooms.export import exported_rooms
        from rooms.selectors import contacts_among, topics_of

        provide_contacts(contacts_among)
        provide_topics(topics_of)
        before_deletion(leave_all_groups)
        contribute("rooms", exported_rooms)
