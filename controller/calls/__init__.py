"""The shell around the core: one owned task per call, and the ports that it needs."""
