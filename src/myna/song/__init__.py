"""Work on whole songs: voice and accompaniment."""
