from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"

    def ready(self) -> None:
        import accounts.checks  # registers the system checks
        import accounts.commands  # noqa: F401 -- registers the command
        from accounts.backup import readers
        from accounts.signing import look_at_keys_once
        from imsystem.backup.plan import provide_readers
        from imsystem.http.server_info import provide_features

        provide_features("two_factor")
        provide_readers(readers)
        look_at_keys_once()
