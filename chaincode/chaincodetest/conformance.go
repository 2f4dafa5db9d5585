package chaincodetest

import (
	"testing"
)

// Exercise runs the conformance suite: what the contract promises, invariant by
// invariant, on a [Network] that may be shared. newNetwork is called once for
// each test; tests run in parallel and isolate themselves by fresh ids. The
// suite sets no clock: it uses resources whose care ended long ago or ends far
// off.
func Exercise(t *testing.T, newNetwork func(t *testing.T) Network) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.run(newDesk(t, newNetwork(t)))
		})
	}
}

// cases are all tests of the suite.
var cases = []struct {
	name string
	run  func(*desk)
}{
	{"I1_a_peer_of_another_organisation_refuses_a_private_call", wrongPeer},
	{"I1_a_caller_of_another_organisation_is_refused", foreignCaller},
	{"I1_a_caller_without_the_role_is_refused", wrongRole},
	{"I2_the_block_of_a_put_shows_no_type_label_or_token", silentPut},
	{"I4_a_policy_that_nobody_approved_is_refused", unapproved},
	{"I4_an_approval_needs_an_administrator", approvalByClient},
	{"I5_a_read_submitted_by_mistake_leaves_no_plaintext_in_its_block", submittedRead},
	{"I5_a_read_without_a_key_is_refused", keylessRead},
	{"I6_an_anchor_is_seen_and_verified_from_every_region", anchored},
	{"I6_an_anchor_endorsed_by_one_region_is_refused_by_the_validators", oneRegionAnchor},
	{"I6_an_anchor_with_another_hash_or_of_no_record_is_refused", wrongAnchor},
	{"I6_only_a_holder_anchors", foreignAnchor},
	{"I7_bytes_come_back_exactly", exactBytes},
	{"I8_a_refused_put_leaves_its_id_free", refusedPut},
	{"I9_purge_refused_before_due", notDue},
	{"I9_purge_refused_without_an_end_date", neverDue},
	{"I9_purge_refused_under_a_hold_and_allowed_after_its_last_matter", heldPurge},
	{"I9_record_hold_and_purge_in_one_block_never_purge_a_held_record", holdRaces},
	{"I9_subject_hold_and_purge_in_one_block_never_purge_a_held_record", subjectHoldRaces},
	{"I9_keys_of_a_live_record_are_no_residue", liveResidue},
	{"I9_bytes_of_a_refused_transaction_are_purged_by_key", failedResidue},
	{"I10_an_id_that_was_purged_is_refused_for_ever", gone},
	{"I10_a_purge_in_two_steps_ends_where_one_step_does", twoSteps},
	{"I10_a_tombstone_needs_the_purge", tombstones},
	{"I10_a_record_purged_before_its_anchor_gets_a_tombstone_without_hash", unanchoredTombstone},
	{"I11_a_purge_leaves_evidence_that_ends_with_a_registered_clean_search_after_it", leftEvidence},
	{"I11_evidence_of_a_copy_held_by_two_needs_the_registered_search_of_both", everyHolderAttests},
	{"I11_a_canary_is_purged_with_what_is_due_and_published_in_the_evidence", purgedCanary},
	{"I12_two_puts_of_one_id_leave_one_record", doublePut},
	{"I12_a_hold_anchor_and_tombstone_may_be_repeated", repeated},
	{"I12_settling_what_is_settled_writes_nothing_and_is_refused", settledTwice},
	{"I12_an_anchor_that_meets_a_purge_is_refused_by_the_validators", anchorMeetsPurge},
	{"I13_every_call_has_one_spelling_and_exact_arity", oneSpelling},
	{"I13_an_error_repeats_nothing_of_the_request", silentErrors},
	{"I2_the_block_of_an_act_about_people_shows_nothing_of_it", silentActs},
	{"I9_a_hold_is_released_by_another_person", releaseByAnother},
	{"I9_the_log_tells_who_set_and_who_released_a_hold_that_has_ended", endedHold},
	{"I9_a_hold_by_query_takes_records_put_later_and_races_with_puts_and_purges", queryHolds},
	{"I9_an_amendment_and_a_purge_in_one_block_are_safe_in_both_orders", amendMeetsPurge},
	{"I9_a_record_moves_once_its_bytes_are_anchored_elsewhere_and_its_holds_carried", movedAway},
	{"I9_a_record_whose_copy_has_other_bytes_has_not_moved", movedOtherBytes},
	{"I9_a_disclosed_copy_is_withdrawn_when_its_terms_end_and_no_hold_binds_it", withdrawnCopy},
	{"I9_a_forced_erasure_needs_an_approved_case_no_floor_and_no_hold", forcedErasure},
	{"facts_are_added_and_never_overwritten", factsStay},
	{"restricted_access_is_closed_to_readers_and_writers", closedAccess},
	{"labels_at_rest_are_strict", strictLabels},
	{"labels_on_elements_keep_the_obligation_to_process_them", inlineLabels},
	{"T21_a_downgrade_is_refused_without_authority_and_the_history_is_kept", downgrade},
	{"only_an_officer_accepts_dates_and_approves_destruction", acceptance},
	{"listing_by_subject_pages_without_gaps", listing},
	{"the_due_index_tells_ids_dates_and_sizes", dueIndex},
	{"a_copy_held_by_two_needs_both", disclosedCopy},
	{"policy_and_private_part_can_be_read_back", readBack},
}
