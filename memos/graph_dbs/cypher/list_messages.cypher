// The newest messages of a session, newest first.
// Parameters: $tenant, $cube, $above and $below (order_keys around the session), $limit.
// Returns: messages (their properties), one record.
MATCH (message:Message)
WHERE message.order_key > $above AND message.order_key < $below
  AND message.tenant = $tenant AND message.cube = $cube
WITH message
ORDER BY message.order_key DESC
LIMIT $limit
RETURN collect(properties(message)) AS messages
