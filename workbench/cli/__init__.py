"""The command line: the other face. Submits specs, reads what is on disk, prints."""
