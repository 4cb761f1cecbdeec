"""A chat as the tutorial of Channels has it: one group for each room, one group_send for each
message. Nothing is stored, nobody signs in."""
