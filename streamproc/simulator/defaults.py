"""What an empty simulated organisation already contains."""

SKILLS = ("Spanish", "Billing", "Sales", "Claims", "Tech Support", "Retention")
LANGUAGES = ("English", "Spanish", "French", "Portuguese")

# Given to a new user who names no role; a restored user does not get it back (vendor help, "restore a user").
EMPLOYEE_ROLE = "employee"
ROLES = (EMPLOYEE_ROLE, "Agent", "Supervisor", "Quality Evaluator")

# Where new users start and deleted users go (vendor help, "delete a user from your organization").
HOME_DIVISION = "Home"
DIVISIONS = (HOME_DIVISION, "Care", "Sales")

# SCIM can neither create nor delete groups, so they have to be here first.
GROUPS = ("All Agents", "Spanish Queue", "Billing Queue", "Supervisors")

CLIENT_ID = "demo"
CLIENT_SECRET = "demo"  # noqa: S105 - the simulator guards nothing
