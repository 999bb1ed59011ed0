"""The way of an event, drawn from `topics.py`."""

from streamproc.core.records.topic_names import (
    CHANGES,
    CONTROLS,
    CURSORS,
    DELIVERIES,
    FINDINGS,
    FORWARDS,
    IDENTITIES,
    LINKS,
    MAPPINGS,
    OPERATIONS,
    OUTCOMES,
    PUSHED,
    REJECTIONS,
    RESOURCES,
    STATUS,
    is_input,
)
from streamproc.topics import PRODUCERS, RESOLVED, TOPICS


def picture() -> str:
    """The way of an event, drawn from TOPICS."""
    names = [topic.name for topic in TOPICS]
    hooks = [name for name in names if name.startswith("notifications.")]
    raw = [topic for topic in TOPICS if topic.name in RESOLVED and is_input(topic.name)]
    produced = ", ".join(topic.name for topic in raw if PRODUCERS in topic.writers)
    told = [topic.name for topic in raw if PRODUCERS not in topic.writers and topic.name != PUSHED]
    events, intake = (", ".join(name for name in told if name.startswith(begin)) for begin in ("events.", "intake."))
    lines = ["hooks of Okta, Entra, PingOne, Workday, HR systems; security event tokens"]
    lines += ["      │", "   gateway", "      │"]
    lines += [f"      ├─► {name}" for name in hooks[:-1]] + [f"      ├─► {hooks[-1]} ──► hydrator ◄─► {CURSORS}"]
    lines += ["      │   hydrator", "      │      │", f"      └──────┴─────► {events}"]
    lines += [f"                     {intake}", "   producers,", f"   change capture ─► {produced}"]
    lines += [f"   SCIM clients ◄─► gateway ◄─► {PUSHED}"]
    lines += [
        "                     │",
        f"             worker: resolve ──► {REJECTIONS} ◄── gateway",
        f"                     ├─◄─► {FORWARDS}",
        f"                     ├─◄─► {LINKS}, {RESOURCES}",
        "                     │",
        f"               {CHANGES}",
        "                     │",
        "             worker: fold (table users)",
        f"                     ├─◄─► {MAPPINGS}",
        "                     │",
        f"               {OPERATIONS}",
        "                     │",
        "                   sink ─────────► Genesys Cloud SCIM 2.0",
        "                     │",
        f"                     ├─◄ {CONTROLS}",
        f"                     ├─► {OUTCOMES}",
        f"                     ├─► {DELIVERIES} ──► reconcile ◄── Genesys Cloud",
        f"                     └─◄ {FINDINGS} ◄────┘",
        f"   all services ─► {STATUS}; all but the gateway ◄─► {IDENTITIES}",
    ]
    return "\n".join(lines)
