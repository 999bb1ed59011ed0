"""Groups of a SCIM client as facts of their members."""

from tests.unit.sources.scim.heard import URN, Heard, members, replace


def people(heard: Heard, count: int = 2) -> list[str]:
    return [heard.post(userName=f"k{each}", number=f"E{each}") for each in range(count)]


def test_members_have_the_group_as_a_fact_like_okta_s() -> None:
    """A rule by `group:NAME` holds of who is pushed into the group, and a copy of `groups` has all names."""
    heard = Heard()
    kim, ana = people(heard)
    heard.post("Group", displayName="Sales", members=[kim])
    other = heard.post("Group", displayName="Agents")
    heard.patch(other, members("add", kim, ana), kind="Group")
    assert heard.facts(kim)["group:Sales"] == "Sales"
    assert heard.facts(kim)["groups"] == ["Agents", "Sales"]
    heard.patch(other, members("remove", kim), kind="Group")
    assert (heard.facts(kim)["group:Agents"], heard.facts(kim)["groups"]) == (None, ["Sales"])
    assert heard.facts(ana)["groups"] == ["Agents"]


def test_one_event_for_each_user_that_it_concerns() -> None:
    """A PUT with all members, of whom one is new, is told of that one alone."""
    heard = Heard()
    kim, ana = people(heard)
    group = heard.post("Group", displayName="Sales", members=[kim])
    count = len(heard.events)
    heard.put(group, "Group", displayName="Sales", members=[kim, ana])
    assert [each.subject for each in heard.events[count:]] == [f"okta/{ana}"]


def test_a_renamed_and_a_deleted_group() -> None:
    """Members lose the old name with the same record by which they get the new one, and all with a deletion."""
    heard = Heard()
    (kim,) = people(heard, 1)
    group = heard.post("Group", displayName="Sales", members=[kim])
    heard.patch(group, replace("displayName", "Selling"), kind="Group")
    assert heard.events[-1].attributes == {"group:Sales": None, "group:Selling": "Selling", "groups": ["Selling"]}
    heard.delete(group, "Group")
    assert heard.events[-1].attributes == {"group:Selling": None, "groups": []}


def test_members_that_were_only_read_are_nobody_s_will() -> None:
    """A seeded group gives nothing, until the client says who is in it: one by one, or all with a PUT."""
    heard = Heard()
    kim, ana = people(heard)
    heard.seed("G1", "Group", displayName="Sales", members=[kim])
    heard.patch("G1", members("add", ana), kind="Group")
    assert "groups" not in heard.facts(kim)
    assert heard.facts(ana)["groups"] == ["Sales"]
    heard.put("G1", "Group", displayName="Sales", members=[kim, ana])
    assert heard.facts(kim)["groups"] == ["Sales"]


def test_an_observed_member_that_is_removed_is_out() -> None:
    """Whom the client takes out of a seeded group is out of it."""
    heard = Heard()
    (kim,) = people(heard, 1)
    heard.seed("G1", "Group", displayName="Sales", members=[kim])
    heard.patch("G1", members("remove", kim), kind="Group")
    assert heard.facts(kim)["group:Sales"] is None
    assert heard.facts(kim)["groups"] == []


def test_whom_a_client_takes_out_was_in_by_the_log() -> None:
    """We never gave them the group, and take away only what we may have given: so the log says first that they had it.
    Whom a client has put there itself isn't spoken of twice.
    """
    heard = Heard()
    kim, ana, ben = people(heard, 3)
    heard.seed("G1", "Group", displayName="Sales", members=[kim, ana])
    heard.patch("G1", members("add", ben), kind="Group")
    first = len(heard.changes)
    heard.patch("G1", members("remove", kim, ben), kind="Group")
    heard.delete("G1", "Group")
    told = [(each.user, each.attributes["groups"]) for each in heard.changes[first:]]
    assert sorted(told) == [("E0", []), ("E0", ["Sales"]), ("E1", []), ("E1", ["Sales"]), ("E2", [])]
    for user in ("E0", "E1"):
        assert [groups for who, groups in told if who == user] == [["Sales"], []]


def test_members_that_are_no_users_are_passed_over() -> None:
    """A group within a group, an unknown id and a deleted user are nobody's facts."""
    heard = Heard()
    (kim,) = people(heard, 1)
    inner = heard.post("Group", displayName="Inner")
    heard.delete(kim)
    count = len(heard.events)
    heard.post("Group", displayName="Outer", members=[inner, "nobody", kim])
    assert len(heard.events) == count


def test_groups_of_who_appears_later() -> None:
    """Whom a client puts into a group before the user itself was read at the target has the group all the same."""
    heard = Heard()
    group = heard.post("Group", displayName="Sales", members=["G1"])
    heard.seed("G1", userName="k", number="E1")
    assert heard.facts("G1")["groups"] == ["Sales"]
    heard.delete(group, "Group")
    assert heard.facts("G1")["groups"] == []


def test_a_put_in_several_records_gives_nobody_a_group_that_it_takes() -> None:
    """Of a large seeded group that the client empties, whoever goes is said to be out by the record that takes them
    out, and nobody is given it by the one before.
    """
    heard = Heard()
    heard.seed("zz", userName="k", number="E1")
    heard.seed("G1", "Group", displayName="Sales", members=[*(f"m{each:04}" for each in range(1_001)), "zz"])
    heard.put("G1", "Group", displayName="Sales", members=[])
    there, out = heard.events
    assert (there.attributes["group:Sales"], out.attributes["group:Sales"]) == ("Sales", None)
    assert there.order[1] + 1 == out.order[1]


def test_who_is_withheld_loses_groups_and_gets_none() -> None:
    """While two anchors contradict each other, a group that is taken away, renamed or deleted is lost at once; one that
    is given waits.
    """
    heard = Heard()
    (kim,) = people(heard, 1)
    taken, renamed, deleted, _ = (
        heard.post("Group", displayName=name, members=[kim]) for name in ("Taken", "Old", "Gone", "Stays")
    )
    heard.patch(kim, replace(f"{URN}:employeeNumber", "E9"))
    heard.post("Group", displayName="Given", members=[kim])
    heard.patch(taken, members("remove", kim), kind="Group")
    heard.patch(renamed, replace("displayName", "New"), kind="Group")
    heard.delete(deleted, "Group")
    facts = heard.facts(kim)
    assert {each: facts[each] for each in facts if each.startswith("group:")} == {
        "group:Taken": None,
        "group:Old": None,
        "group:Gone": None,
        "group:Stays": "Stays",
    }
    assert facts["groups"] == ["Stays"]
    heard.patch(kim, replace(f"{URN}:employeeNumber", "E0"))
    facts = heard.facts(kim)
    assert facts["groups"] == ["Given", "New", "Stays"]
    assert [facts[f"group:{each}"] for each in ("Taken", "Old", "Gone")] == [None, None, None]


def test_who_is_seeded_again_has_no_groups_of_before() -> None:
    """What was taken from a user after the deletion isn't there when the target's account comes back."""
    heard = Heard()
    heard.seed("G1", userName="k", number="E1")
    heard.patch("G1", replace("title", "Agent"))
    group = heard.post("Group", displayName="Admins", members=["G1"])
    heard.delete("G1")
    heard.patch(group, members("remove", "G1"), kind="Group")
    heard.seed("G1", userName="k", number="E2")
    assert (heard.facts("G1")["group:Admins"], heard.facts("G1")["groups"]) == (None, [])
