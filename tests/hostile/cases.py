"""The bad inputs of the test plan (1-98) and those found since, and where each is tested.

python -m tests.hostile.cases     prints how many are
"""

HOSTILE = "tests/hostile/"
FRAMES, MESSAGES = f"{HOSTILE}test_frames.py", f"{HOSTILE}test_messages.py"
SOCKETS, WIRE = f"{HOSTILE}test_wire_sockets.py", f"{HOSTILE}test_wire.py"
BODIES, REST = f"{HOSTILE}test_bodies.py", f"{HOSTILE}test_rest.py"
QUERIES, UPLOADS = f"{HOSTILE}test_queries.py", f"{HOSTILE}test_uploads.py"
PAGES, LIMITS = f"{HOSTILE}test_pages.py", f"{HOSTILE}test_limits.py"
FLOODS, HOLDING = f"{HOSTILE}test_floods.py", f"{HOSTILE}test_holding.py"

# Number -> file::test or file::class, …
TESTED: dict[int, list[str] | tuple[str, ...]] = {
    **dict.fromkeys((1, 2, 3, 8, 9, 10), (f"{FRAMES}::test_no_json_object",)),
    4: [f"{FRAMES}::test_no_json_object", f"{SOCKETS}::test_what_ends_a_socket"],
    5: [f"{FRAMES}::test_other_refusals"],
    6: [f"{FRAMES}::test_no_json_object", f"{FRAMES}::test_numbers_that_are_too_long"],
    7: [f"{FRAMES}::test_numbers_that_are_too_long"],
    11: [f"{SOCKETS}::test_what_ends_a_socket", f"{HOSTILE}test_autobahn.py::test_autobahn"],
    12: [f"{SOCKETS}::test_what_ends_a_socket", f"{SOCKETS}::test_what_does_not",
         f"{SOCKETS}::test_floods_fill_no_memory"],
    13: [f"{SOCKETS}::test_floods_fill_no_memory", f"{SOCKETS}::test_what_does_not",
         f"{SOCKETS}::test_13_fragments_below_the_limit_are_one_buffer"],
    14: [f"{SOCKETS}::test_what_ends_a_socket", f"{HOSTILE}test_autobahn.py::test_autobahn"],
    15: [f"{SOCKETS}::test_what_ends_a_socket"],
    16: [f"{SOCKETS}::test_16_compression_is_not_negotiated"],
    17: [f"{SOCKETS}::test_who_shows_nothing_is_closed_at_once",
         f"{SOCKETS}::test_17_a_handshake_byte_by_byte_is_hung_up_on"],
    18: [f"{SOCKETS}::test_frames_of_nobody_get_no_answer"],
    19: [f"{FRAMES}::test_a_socket_keeps_its_identity",
         f"{FRAMES}::test_19_a_second_sign_in_is_no_command"],
    20: [f"{HOSTILE}test_tokens.py::test_the_socket", f"{HOSTILE}test_tokens.py::test_the_api"],
    21: [f"{FRAMES}::test_no_command"],
    22: [f"{FRAMES}::test_a_bad_field", f"{FRAMES}::test_what_is_not_hers_is_not_there"],
    23: [f"{FRAMES}::test_a_bad_field"],
    24: [f"{MESSAGES}::test_a_text_is_stored_as_it_came", f"{FRAMES}::test_other_refusals"],
    25: [f"{MESSAGES}::test_a_text_is_stored_as_it_came",
         f"{MESSAGES}::test_25_pages_and_admin_show_them_as_text"],
    26: [f"{MESSAGES}::test_26_fields_of_the_server_are_ignored"],
    27: [f"{MESSAGES}::test_27_of_two_texts_with_one_name_the_first_stays",
         f"{FRAMES}::test_a_bad_field", f"{SOCKETS}::test_what_ends_a_socket"],
    28: [f"{MESSAGES}::test_28_a_name_is_its_sender_s_and_its_room_s"],
    29: [f"{FRAMES}::test_what_is_not_hers_is_not_there", f"{FRAMES}::test_other_refusals"],
    30: [f"{FRAMES}::test_a_bad_field",
         f"{MESSAGES}::test_30_a_position_is_clamped_and_only_grows"],
    31: [f"{FLOODS}::test_31_typing_all_the_time_reaches_nobody"],
    32: [f"{FLOODS}::test_32_a_frame_too_many_is_refused_and_then_welcome_again"],
    33: [f"{FLOODS}::test_33_rooms_without_end"],
    34: [f"{FLOODS}::test_34_the_newest_fifty_stay"],
    35: [f"{SOCKETS}::test_what_ends_a_socket"],
    36: [f"{SOCKETS}::test_pages_of_other_sites"],
    37: [f"{SOCKETS}::test_other_paths"],
    38: [f"{SOCKETS}::test_subprotocols", f"{SOCKETS}::test_handshakes_that_are_none"],
    **dict.fromkeys(range(39, 46), (f"{REST}::test_bodies_that_are_none", f"{BODIES}::TestJson",)),
    46: [f"{BODIES}::TestForms"],
    47: [f"{BODIES}::TestForms", f"{BODIES}::TestJson",
         f"{REST}::test_operators_where_text_belongs"],
    48: [f"{BODIES}::TestJson", f"{REST}::test_operators_where_text_belongs"],
    49: [f"{BODIES}::TestAddresses", f"{BODIES}::test_no_second_account"],
    50: [f"{BODIES}::TestCodes", f"{BODIES}::TestGoodCodes"],
    51: [f"{LIMITS}::test_one_address_again_and_again",
         f"{LIMITS}::test_twenty_addresses_from_one_ip"],
    52: [f"{BODIES}::test_fields_nobody_may_set"],
    53: [f"{BODIES}::TestPasswords"],
    54: [f"{BODIES}::TestAccounts"],
    55: [f"{BODIES}::TestRefreshTokens"],
    56: [f"{REST}::test_rooms_that_are_not_made", f"{REST}::test_56_the_owner_is_who_asks"],
    57: [f"{REST}::test_57_both_open_a_conversation_at_once"],
    58: [f"{REST}::test_58_what_nobody_may_set"],
    59: [f"{REST}::test_methods_that_are_none", f"{REST}::test_methods_in_headers"],
    60: [f"{PAGES}::TestRedirects"],
    61: [f"{QUERIES}::test_what_is_no_number", f"{QUERIES}::test_numbers_that_are_too_much"],
    62: [f"{QUERIES}::test_what_is_no_number", f"{QUERIES}::test_identities_in_paths"],
    63: [f"{QUERIES}::test_parameters_nobody_knows_change_nothing"],
    64: [f"{QUERIES}::test_patterns_are_text", f"{QUERIES}::test_64_long_ones"],
    65: [f"{QUERIES}::test_parameters_nobody_knows_change_nothing"],
    66: [f"{QUERIES}::test_tokens_in_addresses", f"{SOCKETS}::test_tickets_that_are_none"],
    67: [f"{QUERIES}::test_suffixes", f"{QUERIES}::test_there_is_json_only"],
    68: [f"{QUERIES}::test_queries_that_are_none"],
    70: [f"{UPLOADS}::test_no_pictures"],
    71: [f"{UPLOADS}::test_too_large"],
    72: [f"{UPLOADS}::test_whoever_hangs_up_leaves_nothing"],
    73: [f"{UPLOADS}::test_no_pictures", f"{UPLOADS}::test_only_the_pixels_are_kept"],
    **dict.fromkeys((74, 76, 77, 79), (f"{UPLOADS}::test_no_pictures",)),
    75: [f"{UPLOADS}::test_names_mean_nothing"],
    78: [f"{UPLOADS}::test_78_the_place_is_not_kept"],
    80: [f"{FLOODS}::test_80_files_without_end"],
    **dict.fromkeys((81, 82), (f"{UPLOADS}::test_no_forms",)),
    85: [f"{WIRE}::test_a_host_that_is_not_ours", f"{WIRE}::test_no_host_or_two"],
    86: [f"{WIRE}::test_authorization_that_is_none", f"{WIRE}::test_two_authorizations"],
    87: [f"{LIMITS}::test_the_address_noted_is_the_peer_s",
         f"{LIMITS}::test_links_are_made_of_no_header"],
    88: [f"{WIRE}::test_ten_thousand_equal_headers"],
    89: [f"{WIRE}::test_control_characters_in_a_header",
         f"{WIRE}::test_headers_that_only_a_proxy_may_send"],
    90: [f"{WIRE}::test_an_end_in_doubt_ends_the_connection"],
    91: [f"{PAGES}::TestCsrf"],
    92: [f"{PAGES}::TestSessions"],
    93: [f"{PAGES}::TestBadCookies"],
    94: [f"{LIMITS}::test_guessing_a_password_leaves_its_owner_alone"],
    95: [f"{PAGES}::TestLogs"],
    96: [f"{PAGES}::TestLogs"],
    97: [f"{HOSTILE}test_production.py::TestRefusals"],
    98: [f"{PAGES}::TestErrorPages"],
    99: [f"{HOLDING}::test_99_a_silent_body_ends",
         f"{HOLDING}::test_99_a_body_byte_by_byte_ends"],
    100: [f"{HOLDING}::test_100_large_bodies_only_where_uploads_go"],
    101: [f"{HOLDING}::test_101_unfinished_uploads_fill_neither_memory_nor_disk"],
    102: [f"{HOLDING}::test_102_downloads_nobody_reads",
          f"{HOLDING}::test_102_short_answers_nobody_reads",
          f"{HOLDING}::test_102_who_reads_slowly_gets_all_of_it"],
    103: [f"{HOLDING}::test_103_one_address_has_so_many_connections"],
    104: [f"{HOLDING}::test_104_at_the_limit_of_descriptors_others_get_in"],
    105: [f"{HOLDING}::test_105_a_message_without_end_ends"],
    106: [f"{HOLDING}::test_106_requests_on_one_connection_wait_for_each_other"],
    107: [f"{HOLDING}::test_107_who_waits_for_redis_stops_nobody",
          "tests/accounts/test_ws_auth.py::test_redis_is_never_asked_on_the_event_loop"],
    108: ["tests/chat/test_catch_up.py::test_a_thousand_rooms_of_others_are_one_query"],
    109: ["tests/chat/test_socket.py::test_typing_counts_over_all_devices_of_a_user"],
    110: ["tests/imsystem/test_budgets.py::test_nothing_left_is_nothing_at_every_door",
          "tests/test_api_schema.py::test_it_is_made_once"],
}  # fmt: skip
LATER = {
    69: "comes with an export as CSV; what there is is JSON",
    83: "comes with files in messages",
    84: "comes with files in messages; pictures of people are for everybody",
}
ALL = sorted({*range(1, 99), *TESTED})


def summary() -> str:
    """Returns `107 of 110 bad inputs of the test plan are tested`, and a line for each that is
    not."""
    later = "".join(f"\n{number}: {why}" for number, why in sorted(LATER.items()))
    return f"{len(TESTED)} of {len(ALL)} bad inputs of the test plan are tested{later}"


if __name__ == "__main__":
    print(summary())
