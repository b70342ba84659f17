// Which memories still have the version at which they were read; they keep it until the transaction ends.
// Parameters: $tenant, $cube, $rows ({key, version}). Returns: key, for each that has.
// Setting the version to what it is takes the lock before it is compared.
UNWIND $rows AS row
MATCH (memory:Memory {key: row.key})
WHERE memory.tenant = $tenant AND memory.cube = $cube
SET memory.version = memory.version
WITH memory, row
WHERE memory.version = row.version
RETURN memory.key AS key
