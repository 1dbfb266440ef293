raise RuntimeError("imported by nobody")
