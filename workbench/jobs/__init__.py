"""Jobs: folders, queue, memory leases, control, tailing. Knows nothing of what the jobs do."""

from workbench.jobs.context import CancelRequested, JobContext, JobInterrupt, PauseRequested
from workbench.jobs.downsample import Points, downsample
from workbench.jobs.executor import Executor, LocalExecutor
from workbench.jobs.fakes import FakeExecutor
from workbench.jobs.folder import JobFolder
from workbench.jobs.instance import Instance, InstanceLock
from workbench.jobs.machine import MachineState, read_machine, read_memory
from workbench.jobs.prepare import prepare_workspace
from workbench.jobs.runner import run_job
from workbench.jobs.series import MetricSeries
from workbench.jobs.store import JobStore
from workbench.jobs.tail import JsonlTail

__all__ = [
    "CancelRequested",
    "Executor",
    "FakeExecutor",
    "Instance",
    "InstanceLock",
    "JobContext",
    "JobFolder",
    "JobInterrupt",
    "JobStore",
    "JsonlTail",
    "LocalExecutor",
    "MachineState",
    "MetricSeries",
    "PauseRequested",
    "Points",
    "downsample",
    "prepare_workspace",
    "read_machine",
    "read_memory",
    "run_job",
]
