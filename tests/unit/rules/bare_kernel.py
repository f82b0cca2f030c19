"""A kernel that has nothing of what a rule worker would like to give up, as some containers have.

Asked for a network namespace or for Landlock, it says no. Only processes that are started by the
function that is run there see it so.
"""

import ctypes
import errno
import os
import platform
import struct
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
_UNSHARE = {"x86_64": 272}.get(platform.machine(), 97)
_LANDLOCK = (444, 445, 446)
_NO_NEW_PRIVS, _SECCOMP, _FILTER = 38, 22, 2
_LOAD_NUMBER, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x15, 0x06
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("words", ctypes.c_char_p))


def on_a_bare_kernel(work: Callable[[], T]) -> T:
    """Return what a function returns in a thread, and in processes of it, with such a kernel."""
    with ThreadPoolExecutor(1, initializer=_forbid) as pool:
        return pool.submit(work).result()


def _forbid() -> None:
    """Let these calls fail in this thread, for good."""
    answers = {_UNSHARE: errno.EPERM, **dict.fromkeys(_LANDLOCK, errno.ENOSYS)}
    words = [_word(_LOAD_NUMBER)]
    for number, error in answers.items():
        words.append(_word(_JUMP_IF_EQUAL, number, otherwise=1))
        words.append(_word(_RETURN, _ERRNO | error))
    words.append(_word(_RETURN, _ALLOW))
    program = _Program(len(words), b"".join(words))
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_NO_NEW_PRIVS, ctypes.c_ulong(1), 0, 0, 0)
    if libc.prctl(_SECCOMP, ctypes.c_ulong(_FILTER), ctypes.byref(program), 0, 0):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _word(code: int, value: int = 0, *, otherwise: int = 0) -> bytes:
    return struct.pack("=HBBI", code, 0, otherwise, value)
