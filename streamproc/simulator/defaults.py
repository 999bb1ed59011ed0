"""What an empty simulated organisation already contains."""

SKILLS = ("Spanish", "Billing", "Sales", "Claims", "Tech Support", "Retention")
LANGUAGES = ("English", "Spanish", "French", "Portuguese")

# Given to a new user who names no role; a restored user does not get it back (vendor help, "restore a user").
EMPLOYEE_ROLE = "employee"
SCIM_ROLE = "SCIM Integration"
ROLES = (EMPLOYEE_ROLE, "Agent", "Supervisor", "Quality Evaluator", SCIM_ROLE)

# The default client has the SCIM role: what streamproc needs and no more.
ROLE_POLICIES: dict[str, tuple[str, ...]] = {
    SCIM_ROLE: (
        "directory:user:add",
        "directory:user:edit",
        "directory:group:edit",
        "authorization:grant:add",
        "authorization:grant:delete",
        "authorization:role:view",
        "routing:skill:assign",
        "routing:language:assign",
        "telephony:extension:assign",
        "oauth:token:delete",
        "audits:audit:view",
    ),
    EMPLOYEE_ROLE: ("directory:user:view",),
    "Agent": ("routing:queue:join", "directory:user:view"),
    "Supervisor": ("routing:queue:view", "directory:user:view", "analytics:userObservation:view"),
    "Quality Evaluator": ("quality:evaluation:view",),
}

# Where new users start and deleted users go (vendor help, "delete a user from your organization").
HOME_DIVISION = "Home"
DIVISIONS = (HOME_DIVISION, "Care", "Sales")

# What people use who edit by hand: an OAuth client of the vendor's own.
ADMIN_CLIENT = "admin-ui"

# SCIM can neither create nor delete groups, so they have to be here first.
GROUPS = ("All Agents", "Spanish Queue", "Billing Queue", "Supervisors")

ORGANIZATION = "Simulated Organization"
CLIENT_ID = "demo"
CLIENT_SECRET = "demo"  # noqa: S105 - the simulator guards nothing
