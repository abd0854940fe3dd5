"""From recordings to what training reads: clips, a configuration with lists, and the features of each clip."""
