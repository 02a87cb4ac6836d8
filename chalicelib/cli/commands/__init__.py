"""The commands of chartlake, some related ones a file."""
