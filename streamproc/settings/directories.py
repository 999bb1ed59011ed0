"""Sections of the hydrator: the directories' APIs, and how often they are synchronised."""

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr

from streamproc.settings.sections import Section


class OktaSettings(Section, alias_generator="okta_".__add__):
    """Okta's API."""

    url: str | None = Field(None, description="The Okta organization: https://ORG.okta.com.")
    token: SecretStr | None = Field(None, description="Token of Okta's API; read only will do.")
    token_scheme: Literal["SSWS", "Bearer"] = Field("SSWS", description="SSWS: an API token; Bearer: OAuth's.")
    sync_every: float = Field(900.0, ge=0, description="Seconds between two syncs with Okta; 0: none.")


class EntraSettings(Section, alias_generator="entra_".__add__):
    """Microsoft Graph."""

    url: str = Field("https://graph.microsoft.com/v1.0", description="Root of Microsoft Graph.")
    login_url: str = Field("https://login.microsoftonline.com", description="Where Graph's tokens come from.")
    tenant: str | None = Field(None, description="Entra's tenant id.")
    client_id: str | None = Field(None, description="Application (client) id in Entra.")
    client_secret: SecretStr | None = Field(None, description="Client secret of the application in Entra.")
    notification_url: str | None = Field(
        None, description="The gateway's https://.../v1/entra as Graph reaches it; left out: nothing is subscribed to."
    )
    sync_every: float = Field(300.0, ge=0, description="Seconds between two syncs with Entra; 0: none.")


class PingOneSettings(Section, alias_generator="pingone_".__add__):
    """PingOne's API."""

    url: str = Field("https://api.pingone.com/v1", description="Root of PingOne's API, of its region.")
    auth_url: str = Field("https://auth.pingone.com", description="Where PingOne's tokens come from.")
    environment: str | None = Field(None, description="PingOne's environment id.")
    client_id: str | None = Field(None, description="Client id of the worker application in PingOne.")
    client_secret: SecretStr | None = Field(None, description="Client secret of that application.")
    sync_every: float = Field(900.0, ge=0, description="Seconds between two syncs with PingOne; 0: none.")


class WorkdaySettings(Section, alias_generator="workday_".__add__):
    """Workday's report."""

    report: str | None = Field(
        None, description="URL of Workday's report: https://HOST/ccx/service/customreport2/TENANT/OWNER/REPORT."
    )
    user: str | None = Field(None, description="Integration system user, for that report.")
    password: SecretStr | None = Field(None, description="Password of the integration system user.")
    since_prompt: str = Field("Updated_From", description="The report's prompt: entered since this moment.")
    worker_prompt: str = Field("Employee_ID", description="The report's prompt: this worker alone.")
    sync_every: float = Field(300.0, ge=0, description="Seconds between two syncs with Workday; 0: none.")


class HrisSettings(Section, alias_generator="hris_".__add__):
    """The HR vendor's API."""

    vendor: Literal["", "bamboohr", "hibob", "gusto", "personio", "finch", "merge", "kombo"] = Field(
        "", description="HR vendor that is asked: bamboohr, hibob, gusto, personio, finch, merge, kombo; none: nobody."
    )
    url: str | None = Field(None, description="Root of its API, if not the usual: https://COMPANY.bamboohr.com.")
    user: str | None = Field(None, description="HiBob: service user's id; Gusto, Personio: client id.")
    secret: SecretStr | None = Field(None, description="API key, access token, or the secret of hris_user.")
    company: str | None = Field(None, description="Gusto: the company's UUID; Kombo: the integration's id.")
    account_token: SecretStr | None = Field(None, description="Merge: token of the linked account.")
    token_file: Path | None = Field(None, description="Gusto: file with the refresh token; each use replaces it.")
    page_size: int = Field(50, ge=1, le=1000, description="People on a page of the HR vendor's list.")
    sync_every: float = Field(900.0, ge=0, description="Seconds between two syncs with the HR vendor; 0: none.")


class HydratorSettings(Section):
    """The directories that are asked, and how often for everybody."""

    sync_whole_every: float = Field(
        86_400.0, ge=0, description="Seconds between two syncs that tell everybody; 0: only the first."
    )
    okta: OktaSettings = OktaSettings()
    entra: EntraSettings = EntraSettings()
    pingone: PingOneSettings = PingOneSettings()
    workday: WorkdaySettings = WorkdaySettings()
    hris: HrisSettings = HrisSettings()


DIRECTORIES = ("okta", "entra", "pingone", "workday", "hris")
"""Sources that can be asked."""
