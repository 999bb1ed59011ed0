"""The topics as Parquet, and one history over archive and Kafka."""
