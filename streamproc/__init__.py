"""HR and identity change events on Kafka become the fewest SCIM calls that make Genesys Cloud agree."""

__version__ = "0.1.0"
