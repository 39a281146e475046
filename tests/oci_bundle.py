"""A container as Docker starts it, for runc: the host's system folders, Docker's seccomp profile.

The profile is a distribution's, narrowed to what Docker's own allows: a distribution may allow
namespaces and mounts without CAP_SYS_ADMIN, Docker does not.

Knows: the layout of an OCI bundle, Docker's default capabilities and paths.
Does not know: what runs inside.
"""

import json
import platform
from pathlib import Path
from typing import Any

PROFILE = Path("/usr/share/containers/seccomp.json")
CAPABILITIES = [
    f"CAP_{name}"
    for name in (
        *("CHOWN", "DAC_OVERRIDE", "FSETID", "FOWNER", "MKNOD", "NET_RAW", "SETGID", "SETUID"),
        *("SETFCAP", "SETPCAP", "NET_BIND_SERVICE", "SYS_CHROOT", "KILL", "AUDIT_WRITE"),
    )
]
FOR_ADMINISTRATORS = """
bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie mount mount_setattr
move_mount open_tree perf_event_open quotactl quotactl_fd setdomainname sethostname setns syslog
umount umount2 unshare pivot_root keyctl add_key request_key userfaultfd
io_uring_setup io_uring_enter io_uring_register
"""
"""What Docker's profile allows with CAP_SYS_ADMIN only, or not at all."""

CLONE_NAMESPACES = 0x7E020000
EPERM, ENOSYS = 1, 38
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
SYSTEM_FOLDERS = ("/usr", "/bin", "/lib", "/lib32", "/lib64")
MASKED = ["/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list"]
READ_ONLY = [f"/proc/{name}" for name in ("bus", "fs", "irq", "sys", "sysrq-trigger")]


def write_bundle(
    folder: Path, arguments: list[str], *, user: int, shown: list[Path], environment: dict[str, str]
) -> None:
    """Write config.json and an empty root into a folder; `shown` are mounted read-only as well."""
    root = folder / "rootfs"
    for name in ("etc", "proc", "dev", "tmp", "sys"):
        (root / name).mkdir(parents=True)
    (root / "tmp").chmod(0o1777)  # runc gives a mount the mode of the folder below
    accounts = "root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n"
    (root / "etc" / "passwd").write_text(accounts, encoding="utf-8")
    mounts = standard_mounts()
    for name in SYSTEM_FOLDERS:
        if Path(name).is_symlink():
            (root / name[1:]).symlink_to(Path(name).readlink())
        elif Path(name).is_dir():
            mounts.append(bind(Path(name)))
    mounts += [bind(path) for path in shown]
    capabilities = CAPABILITIES if user == 0 else []
    config = {
        "ociVersion": "1.0.2",
        "root": {"path": "rootfs", "readonly": False},
        "hostname": "box",
        "mounts": mounts,
        "process": {
            "user": {"uid": user, "gid": user},
            "args": arguments,
            "env": [f"{name}={value}" for name, value in environment.items()],
            "cwd": "/tmp",
            "noNewPrivileges": False,
            "capabilities": dict.fromkeys(("bounding", "effective", "permitted"), capabilities),
        },
        "linux": {
            "namespaces": [{"type": one} for one in ("pid", "mount", "ipc", "uts", "network")],
            "maskedPaths": MASKED,
            "readonlyPaths": READ_ONLY,
            "seccomp": docker_seccomp(json.loads(PROFILE.read_text(encoding="utf-8"))),
        },
    }
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")


def standard_mounts() -> list[dict[str, Any]]:
    quiet = ["nosuid", "noexec", "nodev"]
    return [
        {"destination": "/proc", "type": "proc", "source": "proc", "options": quiet},
        {
            "destination": "/dev",
            "type": "tmpfs",
            "source": "tmpfs",
            "options": ["nosuid", "strictatime", "mode=755", "size=65536k"],
        },
        {
            "destination": "/dev/shm",
            "type": "tmpfs",
            "source": "shm",
            "options": [*quiet, "mode=1777", "size=65536k"],
        },
        {
            "destination": "/tmp",
            "type": "tmpfs",
            "source": "tmpfs",
            "options": ["nosuid", "nodev", "mode=1777"],
        },
        {"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": [*quiet, "ro"]},
    ]


def bind(path: Path) -> dict[str, Any]:
    options = ["rbind", "ro", "nosuid", "nodev"]
    return {"destination": str(path), "type": "bind", "source": str(path), "options": options}


def docker_seccomp(profile: dict[str, Any]) -> dict[str, Any]:
    """Turn a profile into what runc reads, as it stands for Docker's default capabilities."""
    machine = platform.machine()
    here = ARCHITECTURES[machine]
    wanted = f"SCMP_ARCH_{machine.upper()}"
    families = [one for one in profile["archMap"] if one["architecture"] == wanted]
    calls = [
        {
            "names": names,
            "action": rule["action"],
            **{key: rule[key] for key in ("args", "errnoRet") if rule.get(key)},
        }
        for rule in profile["syscalls"]
        if applies(rule, here)
        and (names := [one for one in rule["names"] if one not in FOR_ADMINISTRATORS.split()])
    ]
    no_namespace = {"index": 0, "value": CLONE_NAMESPACES, "op": "SCMP_CMP_MASKED_EQ"}
    calls.append({"names": ["clone"], "action": "SCMP_ACT_ALLOW", "args": [no_namespace]})
    calls.append({"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": ENOSYS})
    return {
        "defaultAction": profile["defaultAction"],
        "defaultErrnoRet": EPERM,
        "architectures": [
            name for one in families for name in (one["architecture"], *one["subArchitectures"])
        ],
        "syscalls": calls,
    }


def applies(rule: dict[str, Any], here: str) -> bool:
    """Whether a rule is in force on this machine for Docker's capabilities."""
    include, exclude = rule.get("includes") or {}, rule.get("excludes") or {}
    has_all = all(name in CAPABILITIES for name in include.get("caps", ()))
    is_here = not include.get("arches") or here in include["arches"]
    is_excluded = any(name in CAPABILITIES for name in exclude.get("caps", ()))
    return has_all and is_here and not is_excluded and here not in exclude.get("arches", ())
