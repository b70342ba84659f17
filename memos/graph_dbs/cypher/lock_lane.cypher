// Take the lane's lock for this transaction, then read what it holds and raise its fence.
// Parameters: $key, $tenant, $cube, $session, $fence (or null: leave the fence as it is), $bulk.
// Returns: fence (before this transaction), next_seq. A session's bulk lane has a fence of its own beside the other's;
// they share the numbering of messages.
// Counting ``writes`` up takes the lock before the fence is read; where transactions are optimistic, it makes two of
// them conflict at their commit.
MERGE (lane:Lane {key: $key})
  ON CREATE SET lane.tenant = $tenant, lane.cube = $cube, lane.session = $session,
                lane.fence = 0, lane.next_seq = 1, lane.writes = 0
SET lane.writes = lane.writes + 1
WITH lane, CASE WHEN $bulk THEN coalesce(lane.bulk_fence, 0) ELSE lane.fence END AS fence
SET lane.fence = CASE WHEN NOT $bulk AND $fence > fence THEN $fence ELSE lane.fence END,
    lane.bulk_fence = CASE WHEN $bulk AND $fence > fence THEN $fence ELSE lane.bulk_fence END
RETURN fence, lane.next_seq AS next_seq
