"""One command a file: arguments in, exit code out. All printing is here."""
