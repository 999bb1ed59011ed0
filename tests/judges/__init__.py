"""Other people's implementations judge ours, at length; the suite lets them judge a little of it."""
