// The active memories of some subjects: those without an end first, of each kind the last said.
// A memory from before there were subjects is not found.
// Parameters: $tenant, $cube, $subject_keys, $activated (the status), $limit.
// Returns: memories (their properties), one record.
UNWIND $subject_keys AS subject_key
MATCH (memory:Memory {subject_key: subject_key})
WHERE memory.tenant = $tenant AND memory.cube = $cube AND memory.status = $activated
WITH memory
ORDER BY CASE WHEN memory.invalid_at_ms IS NULL THEN 0 ELSE 1 END, memory.said_at_ms DESC
LIMIT $limit
RETURN collect(properties(memory)) AS memories
