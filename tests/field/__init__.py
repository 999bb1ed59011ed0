"""What the field sends, and how targets really answer: situations after public reports of people who do this job."""
