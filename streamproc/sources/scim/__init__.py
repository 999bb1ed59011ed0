"""Source `scim`: writes of SCIM clients that push to the gateway. Unlike others it isn't read record by record: what a
write means rests on what the log held before it (`known.py`).
"""
