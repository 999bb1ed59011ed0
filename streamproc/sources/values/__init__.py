"""Values as sources write them: text, identifiers, statuses, dates, zones. `UNREAD` is what isn't understood."""
