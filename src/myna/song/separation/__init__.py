"""Separation of a song into vocals and accompaniment.

separator = load_separator("spleeter")
summary = separate_file("song.mp3", "song.vocals.wav", "song.accompaniment.wav", separator)
"""
