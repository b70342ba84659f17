// Memories that were said again: more sources, more importance; they hold since the first time, said at the last one.
// Parameters: $tenant, $cube, $cube_key, $gain (the share of what lacks of full importance), $default_importance (of a
// node from before there was any), $rows ({key, said_at_ms, at_ms, source_ids, source_keys}). Returns: nothing.
// Counting the version up takes the lock first; the beginning is set before the time of the last saying moves on.
UNWIND $rows AS row
MATCH (memory:Memory {key: row.key})
WHERE memory.tenant = $tenant AND memory.cube = $cube
SET memory.version = memory.version + 1
SET memory.valid_at_ms = CASE WHEN memory.valid_at_ms IS NOT NULL THEN memory.valid_at_ms
                              WHEN memory.said_at_ms < row.said_at_ms THEN memory.said_at_ms
                              ELSE row.said_at_ms END
SET memory.said_at_ms = CASE WHEN memory.said_at_ms > row.said_at_ms THEN memory.said_at_ms ELSE row.said_at_ms END,
    memory.importance = coalesce(memory.importance, $default_importance)
      + (1 - coalesce(memory.importance, $default_importance)) * $gain,
    memory.importance_at_ms = row.at_ms,
    memory.source_ids = memory.source_ids + [source IN row.source_ids WHERE NOT source IN memory.source_ids],
    memory.updated_at_ms = row.at_ms,
    memory.lagging_cube = $cube_key
WITH memory, row
UNWIND row.source_keys AS source_key
MATCH (message:Message {key: source_key})
MERGE (memory)-[:DERIVED_FROM]->(message)
