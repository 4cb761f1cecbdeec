from django.apps import AppConfig


class ChatConfig(AppConfig):
    name = "chat"

    def ready(self) -> None:
        import chat.commands  # noqa: F401 -- registers the commands
        from accounts.services import before_deletion, contribute
        from chat.backup import readers
        from chat.edits import EXPIRE_EVERY_S, erase_edits, expire_recalled_now, exported_edits
        from chat.export import exported_messages
        from chat.gap_filling import pull_gap
        from chat.sequence import forget_counters
        from imsystem.backup.plan import after_restore, provide_readers
        from imsystem.http.server_info import provide_features
        from imsystem.jobs.chores import provide_chore
        from imsystem.realtime.ordering import pull_gaps_with

        provide_features("edit", "recall", "reply", "receipts", "presence", "typing", "sync")
        pull_gaps_with(pull_gap)
        contribute("messages", exported_messages)
        contribute("edits", exported_edits)
        before_deletion(erase_edits)
        provide_readers(readers)
        after_restore(forget_counters)
        provide_chore(expire_recalled_now, every_s=EXPIRE_EVERY_S)
