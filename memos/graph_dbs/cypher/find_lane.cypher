// How far the messages of a session are numbered.
// Parameters: $key (of the lane), $tenant, $cube. Returns: next_seq, nothing for a session without messages.
MATCH (lane:Lane {key: $key})
WHERE lane.tenant = $tenant AND lane.cube = $cube
RETURN lane.next_seq AS next_seq
