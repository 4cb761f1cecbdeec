from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"

    def ready(self) -> None:
        from accounts.backup import readers
        from accounts.signing import look_at_keys_once
        from imsystem.backup.plan import provide_readers

        provide_readers(readers)
        look_at_keys_once()
