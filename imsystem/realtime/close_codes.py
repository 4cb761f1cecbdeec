"""The codes with which the server closes a socket (docs/protocol.md, "Close codes")."""

# Defined by RFC 6455 and its registry.
BAD_TEXT = 1007
TOO_SLOW = 1008
TOO_BIG = 1009
RESTART = 1012
TRY_LATER = 1013
# Ours.
NOT_AUTHENTICATED = 4401
BAD_ORIGIN = 4403
HEARTBEAT = 4408
TOO_MANY_SOCKETS = 4409
TOO_FAR_BEHIND = 4413
FLOODING = 4429
