# SPDX-License-Identifier: Apache-2.0
"""The kernels that apt offers for Debian 12, downloaded and unpacked into build/vm, never installed.

A kernel's folder, build/vm/<release>, has kernel and initrd: busybox, the modules below, and the init beside this
file. It is made once; a newer package of the line has another release, and so a folder of its own.
"""

import contextlib
import glob
import lzma
import os
import re
import shutil
import subprocess
import tempfile
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
PLAIN = "6.1"  # the line that `make test` boots
# Line: the package that depends on its newest kernel.
LINES = {
    PLAIN: "linux-image-amd64",
    "6.1-rt": "linux-image-rt-amd64",
    "6.1-cloud": "linux-image-cloud-amd64",
    "6.12": "linux-image-6.12-amd64",
    "6.12-rt": "linux-image-6.12-rt-amd64",
    "6.12-cloud": "linux-image-6.12-cloud-amd64",
}
# The machine's file system, and the layer over it.
BOOT_MODULES = ("virtio_pci", "9p", "9pnet_virtio", "overlay")
# What tests make networks of, and NICs with what gives them to DPDK. A kernel may have one of them built in, or none.
NETWORK_MODULES = ("veth", "bridge", "tun", "8021q", "bonding", "team", "ipip", "sit", "ip6_tunnel", "fou", "xsk_diag",
                   "virtio_net", "e1000e", "igb", "vmxnet3", "vhost_net", "vfio-pci", "vfio_iommu_type1")
XZ_MAGIC = b"\xfd7zXZ\0"
TOOLS = ("qemu-system-x86_64", "busybox", "cpio", "depmod", "dpkg-deb", "apt-get")


making = threading.Lock()
update_tried = threading.Event()


class Missing(Exception):
    """What is not to be had here: the reason of a skip."""


class NotOffered(Missing):
    """By apt."""


def need_tools():
    for tool in TOOLS:
        if not shutil.which(tool, path=os.environ["PATH"] + ":/usr/sbin:/sbin"):
            raise Missing(f"no {tool}: run scripts/setup")


def run(*command, **options):
    environment = {**os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin:/sbin"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False, **options)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: exit code {done.returncode}: {done.stderr.strip()[-500:]}")
    return done.stdout


def kernel(line, folder):
    """The folder of a line's newest kernel, made where it is not there. Raises Missing."""
    need_tools()
    with making:
        try:
            return made(line, folder)
        except NotOffered:  # there are no lists yet, or they name files that are there no more
            if not updated():
                raise
            return made(line, folder)


def made(line, folder):
    package = package_of(line)
    place = os.path.join(folder, package.removeprefix("linux-image-"))
    if not os.path.exists(os.path.join(place, "initrd")):
        with tempfile.TemporaryDirectory(prefix="belka-kernel.") as work:
            unpack(package, work)
            make_folder(work, place)
    return place


def package_of(line):
    """linux-image-6.1.0-57-amd64, by apt's lists."""
    try:
        depends = run("apt-cache", "depends", LINES[line])
    except RuntimeError:
        depends = ""
    found = re.search(r"Depends: (linux-image-\S+)", depends)
    if not found:
        raise NotOffered(f"apt does not know {LINES[line]}: this needs Debian 12's package sources")
    return found.group(1)


def unpack(package, work):
    """The package's files below work/tree."""
    try:
        run("apt-get", "-q", "download", package, cwd=work)
    except RuntimeError as error:
        raise NotOffered(f"apt does not get {package}: {error}") from error
    run("dpkg-deb", "-x", glob.glob(f"{work}/*.deb")[0], f"{work}/tree")


def updated():
    """Whether apt got its lists anew; it is asked once a run."""
    if not update_tried.is_set():
        update_tried.set()
        with contextlib.suppress(RuntimeError):
            run("apt-get", "-q", "-o", "DPkg::Lock::Timeout=300", "update")
            return True
    return False


def make_folder(work, place):
    release = os.path.basename(place)
    run("depmod", "-b", f"{work}/tree", release)
    modules = Modules(f"{work}/tree/lib/modules/{release}")
    absent = [name for name in BOOT_MODULES if not modules.has(name)]
    if absent:
        raise Missing(f"{release} lacks {', '.join(absent)}, by which the machine's files get into the guest")
    image = f"{work}/image"
    fill(image, modules)
    os.makedirs(place, exist_ok=True)
    with open(f"{work}/tree/boot/vmlinuz-{release}", "rb") as packed, open(f"{place}/kernel", "wb") as kernel_file:
        kernel_file.write(unpacked(packed.read()))
    files = run("find", ".", cwd=image)
    with open(f"{place}/initrd.new", "wb") as archive:
        subprocess.run(["cpio", "-o", "-H", "newc", "--quiet"], input=files.encode(), stdout=archive, cwd=image, check=True)
    os.rename(f"{place}/initrd.new", f"{place}/initrd")  # the last: a folder with it is whole


def unpacked(vmlinuz):
    """The kernel itself where xz packed it, which the emulator would take seven seconds to unpack; else as it is."""
    begin = vmlinuz.find(XZ_MAGIC)
    return lzma.LZMADecompressor().decompress(vmlinuz[begin:]) if begin >= 0 else vmlinuz


def fill(image, modules):
    """The first file system: busybox, and the modules in the order in which they are to be loaded."""
    for folder in ("bin", "modules", "proc", "sys", "dev", "root"):
        os.makedirs(f"{image}/{folder}")
    shutil.copy(shutil.which("busybox"), f"{image}/bin/busybox")
    shutil.copy(f"{HERE}/init", f"{image}/init")
    with open(f"{image}/modules/order", "w", encoding="ascii") as order:
        for path in modules.in_order(BOOT_MODULES + NETWORK_MODULES):
            file = os.path.basename(path).removesuffix(".xz")
            with (lzma.open if path.endswith(".xz") else open)(path, "rb") as module:
                with open(f"{image}/modules/{file}", "wb") as copy:
                    copy.write(module.read())
            order.write(file + "\n")


class Modules:
    """What depmod found out of a kernel's modules."""

    def __init__(self, root):
        self.root, self.files, self.needs = root, {}, {}
        with open(f"{root}/modules.dep", encoding="ascii") as lines:
            for line in lines:
                path, needs = line.rstrip("\n").split(":")
                self.files[self.name(path)] = path
                self.needs[path] = needs.split()
        with open(f"{root}/modules.builtin", encoding="ascii") as lines:
            self.builtin = {self.name(line.strip()) for line in lines}

    @staticmethod
    def name(path):
        return os.path.basename(path).split(".ko")[0].replace("-", "_")

    def has(self, name):
        return self.name(name) in self.files or self.name(name) in self.builtin

    def in_order(self, names):
        """Paths of those that are no part of the kernel, each behind what it needs."""
        found = []
        for name in names:
            path = self.files.get(self.name(name))
            for each in [*reversed(self.needs.get(path, [])), path]:
                if each and f"{self.root}/{each}" not in found:
                    found.append(f"{self.root}/{each}")
        return found
