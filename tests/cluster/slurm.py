"""A Slurm cluster of two nodes on this one machine, to try the workflow on: the real daemons, memory limits enforced.

    python3 tests/cluster/slurm.py up | down | status | fail NODE

Needs root on Debian or a descendant; ``up`` installs Debian's Slurm if it is missing. ``fail`` ends a node as a power cut
would: its daemon and everything it runs. ``up`` on a running cluster forgets its jobs and brings failed nodes back.
All state is in HOME; /etc/slurm/slurm.conf becomes a link into it until ``down``, because jobs started within jobs look
there and nowhere else. A machine that has a Slurm of its own is left alone.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

HOME = Path("/run/vacuagym-test-cluster")
ETC = Path("/etc/slurm")
MEMORY_CGROUP = Path("/sys/fs/cgroup/memory")  # where the kernel has memory groups of version 1
NODES = ("n1", "n2")
CPUS, MEMORY_MB = 2, 3000  # of each node
PORT = 26_817  # of the controller; the nodes have the next ones
PACKAGES = {"slurmctld": "slurmctld", "slurmd": "slurmd", "sbatch": "slurm-client", "munged": "munge"}


class Unavailable(Exception):
    """Why no cluster can be started here."""


def up() -> None:
    """Start the cluster and wait until every node is idle. Raises Unavailable with the reason where that cannot be."""
    _check_machine()
    _install()
    down()
    for folder in ("state", "log", *(f"spool/{node}" for node in NODES)):
        (HOME / folder).mkdir(parents=True)
    _start_munge()
    _configure()
    _run("slurmctld")
    for node in NODES:
        _run("slurmd", "-N", node)
    deadline = time.monotonic() + 60
    while sorted(_idle_nodes()) != sorted(NODES):
        if time.monotonic() > deadline:
            raise Unavailable(f"the nodes did not come up within a minute, see {HOME}/log")
        time.sleep(0.2)


def down() -> None:
    """Stop what `up` started and remove its traces; nothing if there is nothing."""
    for node in NODES:
        _end_jobs(node)
        _stop(f"slurmd.{node}")
    _stop("slurmctld")
    _stop("munged")
    for link in (ETC / "slurm.conf", ETC / "cgroup.conf"):
        if link.is_symlink() and link.readlink().parent == HOME:
            link.unlink()
    shutil.rmtree(HOME, ignore_errors=True)


def fail(node: str) -> None:
    """End a node's daemon and all its jobs without notice; the controller finds out by itself within half a minute."""
    os.kill(_pid(f"slurmd.{node}"), signal.SIGKILL)
    _end_jobs(node)


def jobs() -> list[dict]:
    """Every job since `up`, oldest first: its number, state, memory, node and number of requeues."""
    text = _output(
        "squeue", "--noheader", "--states=all", "--sort=i", "--Format=JobID:|,State:|,MinMemory:|,NodeList:|"
    )
    keys = ("id", "state", "memory", "node")
    found = [dict(zip(keys, line.split("|"), strict=False)) for line in text.splitlines()]
    for job in found:
        shown = _output("scontrol", "--oneliner", "show", "job", job["id"])
        job["requeues"] = int(shown.split("Restarts=")[1].split()[0])
    return found


def _check_machine() -> None:
    if not Path("/etc/debian_version").exists():
        raise Unavailable("the test cluster is made of Debian's packages and this is not Debian")
    if os.geteuid() != 0:
        raise Unavailable("the test cluster needs root: its daemons start jobs as other users")
    conf = ETC / "slurm.conf"
    if conf.exists() and not (conf.is_symlink() and conf.readlink().parent == HOME):
        raise Unavailable(f"this machine has a Slurm of its own ({conf}), which is left alone")


def _install() -> None:
    missing = sorted(package for command, package in PACKAGES.items() if not shutil.which(command))
    if not missing:
        return
    print("installing", *missing, file=sys.stderr, flush=True)
    # a package would start its daemon, which has no configuration yet: Debian asks this program for leave first
    veto = Path("/usr/sbin/policy-rc.d")
    ours = not veto.exists()
    if ours:
        veto.write_text("#!/bin/sh\nexit 101\n")
        veto.chmod(0o755)
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    try:
        for arguments in (["update"], ["install", "--yes", "--no-install-recommends", *missing]):
            done = subprocess.run(["apt-get", "-qq", *arguments], env=environment, capture_output=True, text=True)
            if done.returncode != 0:
                raise Unavailable(f"apt-get {' '.join(arguments)} failed: {done.stderr.strip()}")
    finally:
        if ours:
            veto.unlink()


def _start_munge() -> None:
    """The daemon that vouches for who sends a message, unless the machine has it running already."""
    if subprocess.run("munge -n | unmunge", shell=True, capture_output=True).returncode == 0:
        return
    key = HOME / "munge.key"
    key.touch(mode=0o600)
    key.write_bytes(os.urandom(128))
    Path("/run/munge").mkdir(mode=0o755, exist_ok=True)
    files = {"key-file": key, "seed-file": HOME / "munge.seed"}
    files |= {"pid-file": HOME / "munged.pid", "log-file": HOME / "log" / "munged.log"}
    _run("munged", "--force", *(f"--{option}={file}" for option, file in files.items()))


def _configure() -> None:
    host = socket.gethostname().split(".")[0]
    if _memory_groups():  # the kernel enforces each job's memory
        enforcing = {
            "ProctrackType": "proctrack/cgroup",
            "TaskPlugin": "task/cgroup",
            "JobAcctGatherType": "jobacct_gather/cgroup",
        }
        groups = {"CgroupPlugin": "cgroup/v1", "CgroupAutomount": "no", "ConstrainRAMSpace": "yes", "MinRAMSpace": 30}
    else:  # Slurm looks at each job's memory once a second
        enforcing = {
            "ProctrackType": "proctrack/linuxproc",
            "TaskPlugin": "task/none",
            "JobAcctGatherType": "jobacct_gather/linux",
            "JobAcctGatherParams": "OverMemoryKill,UsePss",
            "JobAcctGatherFrequency": 1,
        }
        groups = {"CgroupPlugin": "cgroup/v1", "ConstrainRAMSpace": "no"}
    settings = {
        "ClusterName": "test",
        "SlurmctldHost": f"{host}(127.0.0.1)",
        "SlurmctldPort": PORT,
        "SlurmUser": "root",
        "StateSaveLocation": HOME / "state",
        "SlurmdSpoolDir": HOME / "spool/%n",
        "SlurmctldPidFile": HOME / "slurmctld.pid",
        "SlurmdPidFile": HOME / "slurmd.%n.pid",
        "SlurmctldLogFile": HOME / "log/slurmctld.log",
        "SlurmdLogFile": HOME / "log/slurmd.%n.log",
        **enforcing,
        "SelectType": "select/cons_tres",
        "SelectTypeParameters": "CR_Core_Memory",
        "SchedulerParameters": "sched_interval=2,bf_interval=2",
        "SlurmdParameters": "config_overrides",  # a node may claim more than its share of the machine
        "SlurmdTimeout": 10,  # seconds without an answer after which a node counts as failed
        "AuthInfo": "cred_expire=10",  # seconds after which a job of a failed node may start again
        "ReturnToService": 2,
        "MinJobAge": 3600,  # seconds for which finished jobs are remembered: there is no accounting database
        "AccountingStorageType": "accounting_storage/none",
        "EnforcePartLimits": "ALL",  # a job that no node can ever hold is refused, not left waiting
        "MpiDefault": "none",
        "KillWait": 5,
    }
    lines = [f"{key}={value}" for key, value in settings.items()]
    lines += [
        f"NodeName={node} NodeHostname={host} NodeAddr=127.0.0.1 Port={PORT + number} CPUs={CPUS} RealMemory={MEMORY_MB}"
        for number, node in enumerate(NODES, 1)
    ]
    lines.append("PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP")
    (HOME / "slurm.conf").write_text("\n".join(lines) + "\n")
    (HOME / "cgroup.conf").write_text("".join(f"{key}={value}\n" for key, value in groups.items()))
    ETC.mkdir(exist_ok=True)
    for name in ("slurm.conf", "cgroup.conf"):
        (ETC / name).unlink(missing_ok=True)
        (ETC / name).symlink_to(HOME / name)


def _memory_groups() -> bool:
    probe = MEMORY_CGROUP / f"vacuagym-probe-{os.getpid()}"
    try:
        probe.mkdir()
        probe.rmdir()
    except OSError:
        return False
    return True


def _idle_nodes() -> list[str]:
    return _output("sinfo", "--noheader", "--Node", "--states=idle", "--format=%N").split()


def _end_jobs(node: str) -> None:
    """SIGKILL every process that Slurm started on the node, and the step daemons above them."""
    mark = f"SLURMD_NODENAME={node}".encode()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if mark not in (process / "environ").read_bytes().split(b"\0"):
                continue
            parent = (process / "stat").read_text().rpartition(")")[2].split()[1]
            if Path("/proc", parent, "comm").read_text().startswith("slurmstepd"):
                os.kill(int(parent), signal.SIGKILL)
            os.kill(int(process.name), signal.SIGKILL)
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue  # it has ended, or is none of ours


def _pid(daemon: str) -> int:
    return int((HOME / f"{daemon}.pid").read_text())


def _stop(daemon: str) -> None:
    try:
        pid = _pid(daemon)
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + 10
        while Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
            if time.monotonic() > deadline:
                os.kill(pid, signal.SIGKILL)
            time.sleep(0.05)
    except (FileNotFoundError, ProcessLookupError):
        pass  # it was not running, or has ended


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise Unavailable(f"{command[0]} did not start: {done.stderr.strip()}")


def _output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, timeout=30).stdout


def main(arguments: list[str]) -> None:
    actions = {("up",): up, ("down",): down, ("status",): lambda: print(_output("sinfo", "--long", "--Node"))}
    actions |= {("fail", node): lambda node=node: fail(node) for node in NODES}
    if tuple(arguments) not in actions:
        sys.exit(__doc__)
    try:
        actions[tuple(arguments)]()
    except Unavailable as reason:
        sys.exit(f"error: {reason}")


if __name__ == "__main__":
    main(sys.argv[1:])
