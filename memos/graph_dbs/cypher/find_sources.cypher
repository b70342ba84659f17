// The messages behind memories.
// Parameters: $tenant, $cube, $keys (of memories). Returns: memory_id, message (its properties), in no order.
UNWIND $keys AS key
MATCH (memory:Memory {key: key})-[:DERIVED_FROM]->(message:Message)
WHERE memory.tenant = $tenant AND memory.cube = $cube AND message.tenant = $tenant AND message.cube = $cube
RETURN memory.id AS memory_id, properties(message) AS message
