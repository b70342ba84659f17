// Some of a cube's memories that have expired, or are not pinned and held their importance some time ago. In no order:
// sorting would cost more than the rest.
// Parameters: $tenant, $cube, $above and $below (order_keys around the cube), $activated (the status), $now_ms,
// $not_since_ms, $limit. Returns: memory (its properties).
MATCH (memory:Memory)
WHERE memory.order_key > $above AND memory.order_key < $below
  AND memory.tenant = $tenant AND memory.cube = $cube AND memory.status = $activated
  AND (coalesce(memory.expires_at_ms, $now_ms + 1) <= $now_ms
    OR (NOT coalesce(memory.pinned, false)
      AND memory.created_at_ms <= $not_since_ms AND coalesce(memory.importance_at_ms, 0) <= $not_since_ms))
RETURN properties(memory) AS memory
LIMIT $limit
