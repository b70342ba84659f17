// The newest messages of a session, newest first.
// Parameters: $tenant, $cube, $above and $below (order_keys around the session), $limit. Returns: message (its properties).
MATCH (message:Message)
WHERE message.order_key > $above AND message.order_key < $below
  AND message.tenant = $tenant AND message.cube = $cube
RETURN properties(message) AS message
ORDER BY message.order_key DESC
LIMIT $limit
