// Write messages; one that exists stays as it is.
// Parameters: $rows ({key, properties}). Returns: nothing.
UNWIND $rows AS row
MERGE (message:Message {key: row.key})
  ON CREATE SET message += row.properties
