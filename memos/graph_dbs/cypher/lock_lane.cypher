// Take the lane's lock for this transaction, then read what it holds and raise its fence.
// Parameters: $key, $tenant, $cube, $session, $fence (or null: leave the fence as it is).
// Returns: fence (before this transaction), next_seq.
// Counting ``writes`` up takes the lock before the fence is read; where transactions are optimistic, it makes two of
// them conflict at their commit.
MERGE (lane:Lane {key: $key})
  ON CREATE SET lane.tenant = $tenant, lane.cube = $cube, lane.session = $session,
                lane.fence = 0, lane.next_seq = 1, lane.writes = 0
SET lane.writes = lane.writes + 1
WITH lane, lane.fence AS fence
SET lane.fence = CASE WHEN $fence > fence THEN $fence ELSE fence END
RETURN fence, lane.next_seq AS next_seq
