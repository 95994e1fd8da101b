"""Everything that leaves the server: the outbox worker, senders, sync triggers, bulk publish."""
