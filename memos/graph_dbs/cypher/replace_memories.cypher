// Write memories and what they rest on; one that exists gets these properties instead of its own, and keeps its relations.
// Parameters: $rows ({key, properties, source_keys}). Returns: nothing.
UNWIND $rows AS row
MERGE (memory:Memory {key: row.key})
  SET memory = row.properties
WITH memory, row
UNWIND row.source_keys AS source_key
MATCH (message:Message {key: source_key})
MERGE (memory)-[:DERIVED_FROM]->(message)
