# SPDX-License-Identifier: Apache-2.0
"""Writes tests/fuzz/corpus/tar/: archives of every kind that Python's tarfile and GNU tar write, and
damaged ones. tests/unit/test_tar.c says what is in each.

usage: tar_seeds.py tests/fuzz/corpus/tar
"""
import io
import os
import subprocess
import sys
import tarfile
import tempfile

LONG = "set/" + "/".join(["a" * 60] * 3) + "/1.jpg"
VERY_LONG = "set/" + "/".join(["b" * 90] * 4) + "/\u00e9.jpg"


def entry(name, data=b"", kind=tarfile.REGTYPE, link=""):
    info = tarfile.TarInfo(name)
    info.size, info.type, info.linkname, info.mtime = len(data), kind, link, 1577836800
    return info, data


def archive(entries, form):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as tar:
        for one in entries:
            info, data = one
            tar.addfile(info, io.BytesIO(data))
    return trim(out.getvalue())


def trim(data):
    """Two zero blocks at the end are enough."""
    data = data.rstrip(b"\0")
    return data + b"\0" * (-len(data) % 512) + b"\0" * 1024


def header(name, size=b"00000000000", kind=b"0", magic=b"ustar\x0000", checksum=None):
    block = bytearray(512)
    block[0:len(name)] = name
    block[124:124 + len(size)] = size
    block[156:157] = kind
    block[257:257 + len(magic)] = magic
    block[148:156] = b" " * 8
    block[148:156] = checksum or b"%06o\0 " % sum(block)
    return bytes(block)


def gnu_tar():
    """By GNU tar, for the spaces and zero bytes of its fields."""
    with tempfile.TemporaryDirectory() as folder:
        os.makedirs(f"{folder}/set/rose")
        with open(f"{folder}/set/rose/1.jpg", "wb") as file:
            file.write(b"one")
        os.link(f"{folder}/set/rose/1.jpg", f"{folder}/set/rose/2.jpg")
        return subprocess.run(["tar", "--sort=name", "--owner=0", "--group=0", "--mtime=@0", "-C",
                               folder, "-cf", "-", "./set"], check=True,
                              stdout=subprocess.PIPE).stdout


def main():
    folder = sys.argv[1]
    some = [entry("./set/", kind=tarfile.DIRTYPE), entry("./set/rose/1.jpg", b"one"),
            entry("set//rose/2.jpg", b"z" * 513), entry("set/empty.jpg")]
    links = [entry("a/1.jpg", b"one"), entry("a/2.jpg", kind=tarfile.LNKTYPE, link="./a/1.jpg"),
             entry("a/3.jpg", kind=tarfile.LNKTYPE, link="a/2.jpg"),
             entry("a/4.jpg", kind=tarfile.LNKTYPE, link="a/none.jpg"),
             entry("a/5.jpg", kind=tarfile.LNKTYPE, link="a/5.jpg"),
             entry("a/6.jpg", kind=tarfile.SYMTYPE, link="1.jpg"),
             entry("a/7", kind=tarfile.FIFOTYPE)]
    good = header(b"a/1.jpg", b"00000000003") + b"one" + b"\0" * 509
    made = {
        "ustar": archive(some + [entry(LONG, b"long")], tarfile.USTAR_FORMAT),
        "pax": archive(some + [entry(VERY_LONG, b"long")], tarfile.PAX_FORMAT),
        "gnu": archive(some + [entry(VERY_LONG, b"long")], tarfile.GNU_FORMAT),
        "gnu_tar": trim(gnu_tar()),
        "links": archive(links, tarfile.PAX_FORMAT),
        "twice": archive([entry("a/1.jpg", b"old"), entry("b/1.jpg", b"b"),
                          entry("a/1.jpg", b"newer")], tarfile.USTAR_FORMAT),
        "v7": header(b"a/", magic=b"") + header(b"a/1.jpg", b"         3 ", b"\0", b"") + b"one" +
              b"\0" * 509,
        "base256": header(b"a/1.jpg", b"\x80" + b"\0" * 10 + b"\x03") + b"one" + b"\0" * 509,
        "unpadded": header(b"a/1.jpg", b"00000000003") + b"one",
        "pax_size": header(b"x", b"00000000012", b"x") + b"10 size=3\n".ljust(512, b"\0") +
                    header(b"a/1.jpg", b"00000000000") + b"one".ljust(512, b"\0"),
        "huge_size": header(b"a/1.jpg", b"\xff" * 12) + b"one" + b"\0" * 509,
        "most_size": header(b"a/1.jpg", b"77777777777") + b"one" + b"\0" * 509,
        "truncated": good[:514],
        "middle": good + header(b"a/2.jpg")[:300],
        "checksum": good + header(b"a/2.jpg", checksum=b"0000001\0"),
        "leads_out": good + header(b"a/../../etc/1.jpg"),
        "letters": good + header(b"a/2.jpg", b"0000000000x"),
        "sparse": good + header(b"a/2.jpg", kind=b"S"),
        "pax_sparse": header(b"x", b"00000000030", b"x") +
                      b"24 GNU.sparse.name=abcd\n".ljust(512, b"\0") + good,
        "pax_damaged": header(b"x", b"00000000012", b"x") + b"99 size=3\n".ljust(512, b"\0") + good,
        "pax_letters": header(b"x", b"00000000012", b"x") + b"10 size=x\n".ljust(512, b"\0") + good,
        "long_name": header(b"L", b"00000020000", b"L") + b"n" * 8192 + good,
        "open": b"".join(header(b"a/%d.jpg" % i, b"00000000003", checksum=b"########") +
                         b"one".ljust(512, b"\0") for i in range(2)),
    }
    for name, data in made.items():
        with open(f"{folder}/{name}.tar", "wb") as file:
            file.write(data)


main()
