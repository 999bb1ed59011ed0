"""The doctor's parts: which checks there are, by the processes that are meant."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Final

import aiohttp

from streamproc import rights
from streamproc.adapters.http import http_session
from streamproc.adapters.kafka import reading
from streamproc.adapters.kafka.allowed import look
from streamproc.adapters.kafka.client import KafkaLog
from streamproc.adapters.kafka.log import ConsumerRecord
from streamproc.adapters.kafka.mappings_in_force import in_force
from streamproc.adapters.kafka.topics import admin_of
from streamproc.adapters.oauth import Bearer
from streamproc.compose.directories import directories
from streamproc.compose.target import target_catalogue, target_clients, target_session
from streamproc.core.errors import SettingsError, StreamprocError
from streamproc.core.fold.mapping import Mapping as Rules
from streamproc.core.fold.mapping_switch import compiled
from streamproc.core.records.topic_names import MAPPINGS, STATUS
from streamproc.doctor import catalogue, clocks, oauth_client, sources, target
from streamproc.doctor.asking import Target
from streamproc.doctor.examination import Check, examine
from streamproc.doctor.kafka import cluster
from streamproc.doctor.line import Line
from streamproc.doctor.permissions import Need, needs
from streamproc.gateway.endpoints import endpoints
from streamproc.gateway.jwks import Jwks
from streamproc.hydrator.directories.api import Directory
from streamproc.rights import Right
from streamproc.settings import DIRECTORIES, Settings
from streamproc.sources import SOURCES, configured
from streamproc.sources.mapping_authority import usable
