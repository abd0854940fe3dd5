"""What a person who makes a voice needs beside the line: what to read and sing, what a take is worth, where it lies."""
