// The version of the schema, recorded by whoever made it.
// Parameters: $key, $version (of this program). Returns: version (stored).
MERGE (schema:MemosSchema {key: $key})
  ON CREATE SET schema.version = $version
RETURN schema.version AS version
