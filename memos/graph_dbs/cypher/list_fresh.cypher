// Memories that no reorganisation has seen. Only these have a fresh_cube, so its index is small.
// Parameters: $tenant, $cube, $cube_key, $limit. Returns: memory (its properties), in no order.
MATCH (memory:Memory {fresh_cube: $cube_key})
WHERE memory.tenant = $tenant AND memory.cube = $cube
RETURN properties(memory) AS memory
LIMIT $limit
