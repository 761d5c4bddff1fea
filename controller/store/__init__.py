"""The ledger: what is known of calls, and who owns them."""
