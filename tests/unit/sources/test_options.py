"""Options of the sources: a file is laid over the defaults, and a mistake in it is named."""

import pytest

from streamproc.core.errors import SettingsError
from streamproc.sources.options import PHONES, SourceOptions, parse_sources


def test_a_sources_table_is_laid_over_its_defaults() -> None:
    """Attributes are added to the defaults' or leave one out, the rest takes their place, other sources stay."""
    defaults = {
        "okta": SourceOptions(attributes={"job": "profile.title", "phone": "profile.primaryPhone"}, active=("ACTIVE",)),
        "entra": SourceOptions(),
    }
    text = '[okta]\nanchor = "subject"\n[okta.attributes]\njob = "profile.role"\nphone = ""\nqueue = "profile.q"\n'
    options = parse_sources(text, "sources.toml", defaults)
    assert options["okta"] == SourceOptions(
        anchor="subject", attributes={"job": "profile.role", "queue": "profile.q"}, active=("ACTIVE",)
    )
    assert options["entra"] == defaults["entra"]
    assert parse_sources("", "none", defaults) == defaults


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[okta", "sources.toml isn't valid TOML"),
        ("[oktaa]", "there is no source oktaa; there are okta, hr, scim"),
        ("okta = 1", "sources.toml: okta.table"),
        ("[okta]\nanchr = 'x'", "sources.toml: okta.anchr: there is no such key; did you mean `anchor`"),
        ("[okta.attributes]\njob = 1", "sources.toml: okta.attributes.job"),
        ("[okta]\nzone = 'Europe/Madird'", "sources.toml: okta.zone: .*no zone of this name"),
        ("[okta.zones]\nMadrid = 'Spain'", "sources.toml: okta.zones.Madrid: .*no zone of this name"),
        ("[okta]\nregion = 'country|UK'", "sources.toml: okta.region: .*no numbering plan of UK"),
        ("[okta]\nregion = 'es'", "sources.toml: okta.region: a code is in capitals: ES, not es"),
        (
            "[okta]\nregion = 'country|ES'",
            "okta.region: nothing gives the fact country: .* okta.attributes, or give a code",
        ),
        (
            "[okta]\nphones = ['desk']",
            "okta.phones: nothing gives the fact desk: name its path in okta.attributes",
        ),
        ("[okta]\nphones = ['']", "sources.toml: okta.phones.0"),
        ("[okta]\ndates = ['dd/mm/yyyy']", "sources.toml: okta.dates.0: .*not a format"),
        ("[okta]\napplication = '0oa 1'", "sources.toml: okta.application"),
        ("[hr]\napplication = '0oa1'", "sources.toml: hr.application: only okta, entra, pingone tell"),
        ("[scim]\nanchor = 'self'", "sources.toml: scim.anchor: each connection has its own"),
        ("scim = 1", "sources.toml: scim.table"),
        ("[okta]\nactive = ['On']\ninactive = ['on ']", "sources.toml: okta.inactive: on is in active, too"),
    ],
)
def test_a_mistake_in_the_sources_file_is_named(text: str, words: str) -> None:
    """The file, the table and the key are told."""
    with pytest.raises(SettingsError, match=words):
        parse_sources(text, "sources.toml", {"okta": SourceOptions(), "hr": SourceOptions(), "scim": SourceOptions()})


def test_facts_that_are_telephone_numbers_are_added() -> None:
    """To those that every source has; a region is a code, a fact's name, or several in turn."""
    text = "[hris]\nphones = ['desk']\nregion = 'country|GB'"
    options = parse_sources(text, "sources.toml", {"hris": SourceOptions()})["hris"]
    assert options.phones == (*PHONES, "desk")
    assert options.region == "country|GB"


def test_each_status_is_in_one_list() -> None:
    """What is configured counts before the defaults; a default status that is left out of `active` is inactive."""
    defaults = {"hr": SourceOptions(active=("Active", "Leave"), inactive=("Terminated", "Retired"))}

    def lists(table: str) -> tuple[set[str], set[str]]:
        options = parse_sources(f"[hr]\n{table}", "sources.toml", defaults)["hr"]
        return set(options.active), set(options.inactive)

    assert lists("") == ({"Active", "Leave"}, {"Terminated", "Retired"})
    assert lists("active = ['ACTIVE']") == ({"ACTIVE"}, {"Leave", "Terminated", "Retired"})
    assert lists("inactive = ['Gone']") == ({"Active", "Leave"}, {"Gone", "Terminated", "Retired"})
    assert lists("inactive = ['leave']") == ({"Active"}, {"leave", "Terminated", "Retired"})
    assert lists("active = ['Active', 'retired']") == ({"Active", "retired"}, {"Leave", "Terminated"})
