"""Processing of whole songs: voice and accompaniment."""
