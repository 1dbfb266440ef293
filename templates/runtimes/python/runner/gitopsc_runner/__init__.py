"""What an image starts: a run's settings -> its handler, called as a job or served over HTTP."""
