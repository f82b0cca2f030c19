"""Refuses a data directory on a network: SQLite's locks and memory do not work there.

A WAL needs memory that all who use the file share, and locks that hold; over NFS, SMB and the
like two gateways may both believe that they are alone, and the file breaks.
"""

from collections.abc import Iterable
from pathlib import Path

from digipoort_wus.errors import ConfigurationError

_MOUNTS = Path("/proc/self/mountinfo")
_REMOTE = frozenset(
    {
        *("9p", "afs", "beegfs", "ceph", "cifs", "coda", "fuse.cephfs", "fuse.davfs"),
        *("fuse.glusterfs", "fuse.rclone", "fuse.s3fs", "fuse.sshfs", "gfs", "gfs2", "glusterfs"),
        *("gpfs", "lustre", "ncpfs", "nfs", "nfs3", "nfs4", "ocfs2", "orangefs", "pvfs2"),
        *("smb2", "smb3", "smbfs", "virtiofs", "vboxsf"),
    }
)
_REMOTE_BEGINNINGS = ("fuse.sshfs", "fuse.s3", "fuse.gcs", "fuse.nfs", "fuse.smb", "fuse.gluster")


def require_local(directory: Path, mounts: Iterable[str] | None = None) -> None:
    """Refuse a directory on a file system that other machines serve.

    Args:
        directory: exists.
        mounts: lines as in ``/proc/self/mountinfo``; None reads that file. Where it is not, as
            on systems other than Linux, nothing is refused.

    Raises:
        ConfigurationError: it is on a network file system.
    """
    if mounts is None:
        try:
            mounts = _MOUNTS.read_text("utf-8", "surrogateescape").splitlines()
        except OSError:
            return
    kind = file_system_of(directory, mounts)
    if kind in _REMOTE or kind.startswith(_REMOTE_BEGINNINGS):
        raise ConfigurationError(
            f"the data directory {directory} is on a network file system ({kind}), where SQLite "
            "can be damaged: choose a directory on a disk of this machine, or use PostgreSQL"
        )


def file_system_of(directory: Path, mounts: Iterable[str]) -> str:
    """Return the type of the file system that a directory is on, empty when it is not known."""
    resolved = directory.resolve()
    found, longest = "", -1
    for line in mounts:
        before, _, after = line.partition(" - ")
        fields, kind = before.split(" "), after.partition(" ")[0]
        if len(fields) < 5 or not kind:
            continue
        point = Path(_unescaped(fields[4]))
        # Of two at one place the later one is on top.
        if resolved.is_relative_to(point) and len(point.parts) >= longest:
            longest, found = len(point.parts), kind
    return found


def _unescaped(text: str) -> str:
    """Return a path of which blanks and the like were written in octal."""
    for code, octet in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(code, octet)
    return text
