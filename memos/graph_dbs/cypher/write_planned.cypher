// Write memories as a plan has them, new ones and known ones, with what they rest on. What is fresh stays so.
// Parameters: $rows ({key, properties, source_keys}; a null among the properties removes one). Returns: nothing.
UNWIND $rows AS row
MERGE (memory:Memory {key: row.key})
  SET memory += row.properties
WITH memory, row
UNWIND row.source_keys AS source_key
MATCH (message:Message {key: source_key})
MERGE (memory)-[:DERIVED_FROM]->(message)
