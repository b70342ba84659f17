// A page of a cube's memories in the order of their order_key.
// Parameters: $tenant, $cube, $above and $below (order_keys, both outside of the page), $status (or null), $limit.
// Returns: memories (their properties), one record.
MATCH (memory:Memory)
WHERE memory.order_key > $above AND memory.order_key < $below
  AND memory.tenant = $tenant AND memory.cube = $cube
  AND ($status IS NULL OR memory.status = $status)
WITH memory
ORDER BY memory.order_key
LIMIT $limit
RETURN collect(properties(memory)) AS memories
