"""Kafka: clients from settings, topics, and reads outside a consumer group."""
