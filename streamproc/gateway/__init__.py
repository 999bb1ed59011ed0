"""Process: HTTP requests in, raw records out."""
