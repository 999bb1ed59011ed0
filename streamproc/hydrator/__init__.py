"""Process: fetches the subjects that notifications name, and synchronises directories."""
