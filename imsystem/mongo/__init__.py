"""MongoDB: the async clients, and what Django's backend does not do by itself."""

# For migrations, in place of settings.MONGODB_TIMEOUT_MS: an index over a big collection takes
# minutes.
MIGRATED_WITHIN_S = 3_600.0
