"""The doors to libraries: one file each, and each the only importer of its library."""
