// Memories that no reorganisation has seen. Only these have a fresh_cube, so its index is small.
// Parameters: $tenant, $cube, $cube_key, $limit. Returns: memories (their properties), in no order, one record.
MATCH (memory:Memory {fresh_cube: $cube_key})
WHERE memory.tenant = $tenant AND memory.cube = $cube
WITH memory
LIMIT $limit
RETURN collect(properties(memory)) AS memories
