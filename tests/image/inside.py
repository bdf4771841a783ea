"""Programs that look around inside an image; each prints JSON."""

from __future__ import annotations

# What has no business there; arguments are modules that must not be found.
SCAN = """
import json, os, shutil, stat, sys
from importlib.util import find_spec
found = {"setuid": [], "writable": [], "stray": [], "ours": []}
for folder, folders, files in os.walk("/"):
    folders[:] = [name for name in folders if os.path.join(folder, name) not in ("/proc", "/sys", "/dev")]
    for name in folders + files:
        path = os.path.join(folder, name)
        status = os.lstat(path)
        if stat.S_ISLNK(status.st_mode):
            continue
        if stat.S_ISREG(status.st_mode) and status.st_mode & 0o6000:
            found["setuid"].append(path)
        if status.st_mode & 0o002 and not status.st_mode & stat.S_ISVTX:
            found["writable"].append(path)
        if name in (".git", "tests", "requirements-api.txt", "Dockerfile") and "/apertium" not in path:
            found["stray"].append(path)
        if status.st_uid or status.st_gid == 10001:
            found["ours"].append(path)
tools = ("pip", "pip3", "gcc", "cc", "c++", "ld", "as", "make", "git", "curl", "wget")
found["tools"] = [name for name in tools if shutil.which(name)]
found["modules"] = [name for name in sys.argv[1:] if find_spec(name)]
print(json.dumps(found))
"""

# Every file: rights, owner, digest.
DIGESTS = """
import hashlib, json, os, stat
found = {}
for folder, folders, files in os.walk("/"):
    folders[:] = [name for name in folders if os.path.join(folder, name) not in ("/proc", "/sys", "/dev", "/run")]
    for name in files:
        path = os.path.join(folder, name)
        status = os.lstat(path)
        text = os.readlink(path).encode() if stat.S_ISLNK(status.st_mode) else open(path, "rb").read()
        found[path] = [oct(status.st_mode), status.st_uid, status.st_gid, hashlib.sha256(text).hexdigest()]
print(json.dumps(found))
"""
