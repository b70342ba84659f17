// Witness that jobs have taken effect, and move the lane's numbering on. A second witness of a job violates a constraint.
// Parameters: $lane_key, $next_seq, $rows ({properties}). Returns: nothing.
MATCH (lane:Lane {key: $lane_key})
SET lane.next_seq = $next_seq
WITH lane
UNWIND $rows AS row
CREATE (job:Job)
SET job += row.properties
