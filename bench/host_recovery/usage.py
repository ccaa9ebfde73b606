"""What processes and the machine used, from /proc."""

import os
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


def cpu(pid: int) -> float:
    """Return the CPU seconds that a process used since its start."""
    # the second field is the name, which may contain anything: count from its closing bracket
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def peak_memory(pid: int) -> int:
    """Return the most resident memory (MB) that a process ever had."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) // 1024
    raise ValueError(f"process {pid} has no memory")


def machine() -> dict[str, float]:
    """Return the CPU seconds since boot: ``busy`` here, ``stolen`` by other machines."""
    fields = Path("/proc/stat").read_text().splitlines()[0].split()[1:]
    user, nice, system, _idle, _wait, irq, softirq, stolen = map(int, fields[:8])
    return {"busy": (user + nice + system + irq + softirq) / TICKS, "stolen": stolen / TICKS}


def own() -> float:
    """Return the CPU seconds of this process and of its children that have ended."""
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system
