"""The judges: suites that look at a service, and clients that push a story to one, all by other people."""

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, TypeAlias

from tests.judges.front_door.served import Access, without_bodies
from tests.judges.front_door.tools import BUILD, GUESTS, JAVA, classpath, python, run
from tests.judges.front_door.verdict import Status, Verdict, read

Judge: TypeAlias = Callable[[Access], Awaitable[list[Verdict]]]

_SCIMONO: Final = (
    "E2EUserComplianceTest",
    "E2EGroupComplianceTest",
    "E2EPatchOperationComplianceTest",
    "FilterEntitiesComplianceTest",
    "InputValidationAttributeTypeTest",
    "UserOperationsHttpResponseCodeTest",
    "GroupOperationsHttpResponseCodeTest",
    "PatchResourceWithInvalidResourceAttributeTest",
    "PatchResourceWithWrongPatchSchemaTest",
)
"""All but those that are about making schemas."""


async def scim2_tester(access: Access) -> list[Verdict]:
    """Every attribute, written, read back and taken away."""
    interpreter = await python("scim2-tester", "scim2-tester==0.5.2", "scim2-client[httpx2]==0.13.2")
    return [*read(await run([str(interpreter), str(GUESTS / "scim2_tester_run.py"), access.url, access.token]))]


async def scim_sanity(access: Access) -> list[Verdict]:
    """A user's and a group's life, lists, errors."""
    interpreter = await python("scim-sanity", "scim-sanity==0.7.4")
    command = [str(interpreter.parent / "scim-sanity"), "probe", access.url, "--token", access.token]
    told = json.loads(await run([*command, "--i-accept-side-effects", "--json-output"], must=False))
    names: dict[str, Status] = {"pass": "SUCCESSFUL", "fail": "FAILED", "skip": "SKIPPED"}
    return [
        Verdict(names.get(each["status"].lower(), "FAILED"), each["name"], each.get("message") or "")
        for each in told["results"]
    ]


async def scimono(access: Access) -> list[Verdict]:
    """SAP's suite. It wants 204 for a user's PATCH, so it is given that."""
    jars = await classpath("scimono", "com.sap.scimono:scimono-compliance-tests:0.0.24")
    quiet = BUILD / "logback.xml"
    quiet.write_text('<configuration><root level="OFF"/></configuration>')
    async with without_bodies(access) as proxied:
        settings = {
            "logback.configurationFile": str(quiet),
            "scim.service.url": proxied.url,
            "auth.type": "Basic",
            "basic.auth.user": "scimono",
            "basic.auth.password": proxied.token,
        }
        opened = ("java.base/java.net", "java.base/sun.net.www.protocol.http")
        command = ["java", *(f"--add-opens={each}=ALL-UNNAMED" for each in opened), "-cp", jars]
        command += [f"-D{name}={value}" for name, value in settings.items()]
        tests = [f"com.sap.scimono.scim.system.tests.{each}" for each in _SCIMONO]
        return [*read(await run([*command, str(JAVA / "RunJupiter.java"), *tests], BUILD))]


async def connid(access: Access) -> list[Verdict]:
    """Syncope's connector pushes by PUT with a bearer token, and by PATCH with Basic."""
    bundle, framework = "net.tirasa.connid.bundles", "net.tirasa.connid"
    jars = await classpath(
        "connid",
        f"{bundle}:net.tirasa.connid.bundles.scim:1.0.5",
        f"{framework}:connector-framework-internal:1.5.2.0",
        f"{framework}:connector-test-common:1.5.2.0",
        "commons-logging:commons-logging:1.2",
    )
    return [*read(await run(["java", "-cp", jars, str(JAVA / "ConnIdStory.java"), access.url, access.token], BUILD))]


async def canaille(access: Access) -> list[Verdict]:
    """An identity provider pushes its users and groups. It imports with these releases, and not with the newest."""
    packages = ("canaille[oidc,scim]==0.3.6", "scim2-client[httpx]==0.7.5", "scim2-models==0.6.12")
    interpreter = await python("canaille", *packages)
    story = str(GUESTS / "canaille_story.py")
    return [*read(await run([str(interpreter), story, access.url, access.token], BUILD, must=False))]


JUDGES: Final[Mapping[str, Judge]] = {
    "scim2-tester": scim2_tester,
    "scim-sanity": scim_sanity,
    "scimono": scimono,
    "connid": connid,
    "canaille": canaille,
}
