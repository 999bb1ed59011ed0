"""Seams to the world: Kafka, OAuth, SCIM over HTTP. One seam each; no decisions and no retries live here."""
