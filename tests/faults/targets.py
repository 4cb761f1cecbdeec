"""How fast things have to be by the contract, and how much of it a test forgives.

Anything lost, doubled or reordered is never forgiven.
"""

# Seconds from the end of a fault to the first delivery everywhere.
REDIS_S = 5.0
DATABASE_S = 10.0
WEB_S = 10.0
# A sender is told after 6 s that no ack will come (chat.consumer.ANSWER_WITHIN_S).
ANSWER_WITHIN_S = 6.0
PING_WITHIN_S = 1.0
# A kicked user receives and sends nothing after this.
KICK_TAKES_EFFECT_S = 2.0

# Tests share a machine with others, and a process that does not get a processor is not to blame.
# Healing took up to 5.2 s with a load of 11 on two cores, 2.7 s alone. The table shows the measured
# value beside the target, without this.
ALLOWANCE = 3.0


def forgiven(seconds: float) -> float:
    """The limit at which a test fails."""
    return seconds * ALLOWANCE
