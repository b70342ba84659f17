// Loosen memories from what they rested on, before they are replaced.
// Parameters: $rows ({key}). Returns: nothing.
UNWIND $rows AS row
MATCH (memory:Memory {key: row.key})-[rests:DERIVED_FROM]->(:Message)
DELETE rests
