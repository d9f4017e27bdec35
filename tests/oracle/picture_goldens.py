# SPDX-License-Identifier: Apache-2.0
"""Writes tests/golden/pictures/: one small file of every kind that io/ reads, and index.txt with the
size and the hash of the RGB pixels that each must decode to. JPEG, WebP and most PNG and BMP pixels
are Pillow's (transparency pasted over white, orientation by ImageOps.exif_transpose); what Pillow
does not define (16-bit gray) is computed here from the samples.

usage: picture_goldens.py tests/golden/pictures     (needs pillow, opencv, numpy)
"""
import io
import os
import struct
import sys
import zlib

import cv2
import numpy as np
from PIL import Image, ImageOps

OUT = sys.argv[1]
INDEX = []


def fnv(data):
    value = 0xCBF29CE484222325
    for byte in data:
        value = ((value ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return value


def add(name, data, rgb):
    with open(os.path.join(OUT, name), "wb") as file:
        file.write(data)
    rgb = np.ascontiguousarray(rgb, np.uint8)
    INDEX.append(f"{name} {rgb.shape[1]} {rgb.shape[0]} {fnv(rgb.tobytes()):016x}")


def pillow_rgb(data):
    image = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
        white = Image.new("RGB", image.size, (255, 255, 255))
        white.paste(image, mask=image.getchannel("A"))
        image = white
    return np.asarray(image.convert("RGB"))


def add_pillow(name, data):
    add(name, data, pillow_rgb(data))


def scene(width, height):
    """Smooth colour with a few edges: what a JPEG is made for, and not symmetric in any way."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    red = 128 + 100 * np.sin(x / 7) * np.cos(y / 9)
    green = 255 * x / width
    blue = np.where((x - width / 3) ** 2 + (y - height / 4) ** 2 < 90, 230, 40 + 60 * y / height)
    return np.clip(np.stack([red, green, blue], -1), 0, 255).astype(np.uint8)


def save(image, kind, **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def exif(orientation, order="<"):
    mark = b"II" if order == "<" else b"MM"
    entry = struct.pack(order + "HHIHH", 0x0112, 3, 1, orientation, 0)
    return mark + struct.pack(order + "HIH", 42, 8, 1) + entry + struct.pack(order + "I", 0)


# What must be stored so that the orientation shows the picture upright.
STORE = {1: None, 2: Image.FLIP_LEFT_RIGHT, 3: Image.ROTATE_180, 4: Image.FLIP_TOP_BOTTOM,
         5: Image.TRANSPOSE, 6: Image.ROTATE_90, 7: Image.TRANSVERSE, 8: Image.ROTATE_270}


def stored(image, orientation):
    return image.transpose(STORE[orientation]) if STORE[orientation] is not None else image


def jpegs():
    picture = Image.fromarray(scene(45, 37))
    bgr = np.asarray(picture)[:, :, ::-1]
    for name, factor in (("444", 0x111111), ("422", 0x211111), ("420", 0x221111),
                         ("440", 0x121111), ("411", 0x411111)):
        data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, factor])[1].tobytes()
        add_pillow(f"jpeg_{name}.jpg", data)
    add_pillow("jpeg_gray.jpg", save(picture.convert("L"), "JPEG"))
    add_pillow("jpeg_progressive.jpg", save(picture, "JPEG", progressive=True))
    add_pillow("jpeg_progressive_gray.jpg", save(picture.convert("L"), "JPEG", progressive=True))
    add_pillow("jpeg_restart.jpg", save(picture, "JPEG", restart_marker_blocks=1))
    add_pillow("jpeg_low_quality.jpg", save(picture, "JPEG", quality=8))
    baseline = save(picture, "JPEG", quality=70)
    add("jpeg_bytes_after_end.jpg", baseline + b"bytes after the end" * 3, pillow_rgb(baseline))
    add("jpeg_no_end_marker.jpg", baseline[:-2], pillow_rgb(baseline))
    cmyk = save(picture.convert("CMYK"), "JPEG")
    add_pillow("jpeg_cmyk.jpg", cmyk)
    at = cmyk.index(b"Adobe") + 11
    assert cmyk[at] == 0
    add_pillow("jpeg_ycck.jpg", cmyk[:at] + b"\2" + cmyk[at + 1:])
    blocks = np.random.default_rng(3).integers(0, 256, (3, 4, 3), dtype=np.uint8)
    upright = Image.fromarray(blocks.repeat(8, 0).repeat(8, 1))
    expected = pillow_rgb(save(upright, "JPEG", subsampling=0))
    for o in range(1, 9):
        order = "<" if o % 2 else ">"
        data = save(stored(upright, o), "JPEG", subsampling=0, exif=b"Exif\0\0" + exif(o, order))
        assert np.array_equal(pillow_rgb(data), expected)
        add(f"exif_{o}.jpg", data, expected)


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
         (0, 1, 1, 2)]


def pack_rows(samples, bits):
    out = bytearray()
    for row in samples.reshape(samples.shape[0], -1):
        out.append(0)
        if bits == 16:
            out += row.astype(">u2").tobytes()
        elif bits == 8:
            out += row.astype(np.uint8).tobytes()
        else:
            text = "".join(f"{v:0{bits}b}" for v in row)
            text += "0" * (-len(text) % 8)
            out += int(text, 2).to_bytes(len(text) // 8, "big")
    return bytes(out)


def png(samples, bits, colour, interlaced=False, extra=b""):
    height, width = samples.shape[:2]
    head = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, int(interlaced))
    if interlaced:
        passes = [samples[y::dy, x::dx] for x, y, dx, dy in ADAM7]
        body = b"".join(pack_rows(p, bits) for p in passes if p.size)
    else:
        body = pack_rows(samples, bits)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + extra +
            chunk(b"IDAT", zlib.compress(body)) + chunk(b"IEND", b""))


def over_white(rgb, alpha):
    total = rgb.astype(np.int64) * alpha[..., None] + 255 * (255 - alpha[..., None].astype(np.int64))
    return ((2 * total + 255) // 510).astype(np.uint8)


def to_8(samples, bits):
    return samples >> 8 if bits == 16 else samples * 255 // ((1 << bits) - 1)


def pngs():
    rng = np.random.default_rng(4)
    height, width = 11, 13

    def put(name, samples, bits, colour, rgb, extra=b"", pillow=True):
        for interlaced in (False, True):
            data = png(samples, bits, colour, interlaced, extra)
            if pillow:
                assert np.array_equal(pillow_rgb(data), rgb), name
            add(f"png_{name}{'_interlaced' if interlaced else ''}.png", data, rgb)

    def gray_rgb(gray):
        return gray[:, :, :1].repeat(3, 2).astype(np.uint8)

    for bits in (1, 2, 4, 8, 16):
        gray = rng.integers(0, 1 << bits, (height, width, 1))
        put(f"gray{bits}", gray, bits, 0, gray_rgb(to_8(gray, bits)), pillow=bits < 16)
    for bits in (1, 2, 4, 8):
        palette = rng.integers(0, 256, (1 << bits, 3), dtype=np.uint8)
        index = rng.integers(0, 1 << bits, (height, width, 1))
        plte = chunk(b"PLTE", palette.tobytes())
        put(f"palette{bits}", index, bits, 3, palette[index[:, :, 0]], plte)
        alpha = rng.integers(0, 256, 1 << bits, dtype=np.uint8)
        put(f"palette{bits}_alpha", index, bits, 3,
            over_white(palette[index[:, :, 0]], alpha[index[:, :, 0]]),
            plte + chunk(b"tRNS", alpha.tobytes()))
    for bits in (8, 16):
        rgb = rng.integers(0, 1 << bits, (height, width, 3))
        put(f"rgb{bits}", rgb, bits, 2, to_8(rgb, bits).astype(np.uint8))
        rgba = rng.integers(0, 1 << bits, (height, width, 4))
        eight = to_8(rgba, bits).astype(np.uint8)
        put(f"rgba{bits}", rgba, bits, 6, over_white(eight[:, :, :3], eight[:, :, 3]))
        la = rng.integers(0, 1 << bits, (height, width, 2))
        eight = to_8(la, bits).astype(np.uint8)
        put(f"gray_alpha{bits}", la, bits, 4, over_white(gray_rgb(eight), eight[:, :, 1]))
        key = [int(v) for v in rgb[3, 4]]
        keyed = np.where((rgb == key).all(-1), 0, 255)
        put(f"rgb{bits}_key", rgb, bits, 2, over_white(to_8(rgb, bits).astype(np.uint8), keyed),
            chunk(b"tRNS", struct.pack(">HHH", *key)), pillow=bits < 16)
    gray = rng.integers(0, 16, (height, width, 1))
    put("gray4_key", gray, 4, 0,
        over_white(gray_rgb(gray * 17), np.where(gray[:, :, 0] == 5, 0, 255)),
        chunk(b"tRNS", struct.pack(">H", 5)), pillow=False)
    upright = rng.integers(0, 256, (7, 9, 3), dtype=np.uint8)
    for o in (3, 6):
        data = png(np.asarray(stored(Image.fromarray(upright), o)).astype(int), 8, 2,
                   extra=chunk(b"eXIf", exif(o)))
        add(f"exif_{o}.png", data, upright)


def webps():
    picture = Image.fromarray(scene(45, 37))
    rgba = picture.copy()
    rgba.putalpha(Image.fromarray(scene(45, 37)[:, :, 1]))
    add_pillow("webp_lossy.webp", save(picture, "WEBP", quality=70))
    add_pillow("webp_lossless.webp", save(picture, "WEBP", lossless=True))
    add_pillow("webp_lossy_alpha.webp", save(rgba, "WEBP", quality=70))
    add_pillow("webp_lossless_alpha.webp", save(rgba, "WEBP", lossless=True))
    second = Image.fromarray(scene(45, 37)[:, ::-1])
    animated = save(picture, "WEBP", lossless=True, save_all=True, append_images=[second])
    add("webp_animated.webp", animated, np.asarray(picture))
    upright = np.random.default_rng(5).integers(0, 256, (7, 9, 3), dtype=np.uint8)
    for o in (5, 8):
        data = save(stored(Image.fromarray(upright), o), "WEBP", lossless=True, exif=exif(o))
        add(f"exif_{o}.webp", data, upright)


def bmp(width, height, bits, compression, body, palette=b"", masks=b""):
    offset = 14 + 40 + len(masks) + len(palette)
    return (b"BM" + struct.pack("<IHHI", offset + len(body), 0, 0, offset) +
            struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, compression, len(body), 2835,
                        2835, len(palette) // 4, 0) + masks + palette + body)


def rows(array, upside_down=True):
    out = bytearray()
    for row in array[::-1] if upside_down else array:
        data = row.tobytes()
        out += data + b"\0" * (-len(data) % 4)
    return bytes(out)


def bmps():
    rng = np.random.default_rng(6)
    rgb = rng.integers(0, 256, (7, 9, 3), dtype=np.uint8)
    bgr = np.ascontiguousarray(rgb[:, :, ::-1])
    add_pillow("bmp_24.bmp", save(Image.fromarray(rgb), "BMP"))
    add("bmp_24_top_down.bmp", bmp(9, -7, 24, 0, rows(bgr, False)), rgb)
    quad = np.dstack([bgr, rng.integers(0, 256, (7, 9), dtype=np.uint8)])
    add("bmp_32.bmp", bmp(9, 7, 32, 0, rows(quad)), rgb)
    masks = struct.pack("<III", 0xFF000000, 0x00FF0000, 0x0000FF00)
    add("bmp_32_masks.bmp", bmp(9, 7, 32, 3, rows(np.ascontiguousarray(quad[:, :, [3, 0, 1, 2]])),
                                masks=masks), rgb)
    add_pillow("bmp_rgba.bmp", save(Image.fromarray(np.dstack([rgb, quad[:, :, 3]])), "BMP"))
    words = rng.integers(0, 1 << 16, (7, 9)).astype("<u2")
    add_pillow("bmp_16_555.bmp", bmp(9, 7, 16, 0, rows(words)))
    add_pillow("bmp_16_565.bmp", bmp(9, 7, 16, 3, rows(words),
                                     masks=struct.pack("<III", 0xF800, 0x07E0, 0x001F)))
    for bits in (1, 4, 8):
        palette = rng.integers(0, 256, (1 << bits, 4), dtype=np.uint8)
        palette[:, 3] = 0
        index = rng.integers(0, 1 << bits, (7, 9))
        packed = np.array([list(pack_rows(r.reshape(1, -1, 1), bits))[1:] for r in index], np.uint8)
        data = bmp(9, 7, bits, 0, rows(packed), palette.tobytes())
        colours = palette[index][:, :, 2::-1]
        assert np.array_equal(pillow_rgb(data), colours)
        add(f"bmp_{bits}.bmp", data, colours)
    palette = rng.integers(0, 256, (256, 4), dtype=np.uint8)
    runs = bytes([4, 200, 0, 5, 1, 2, 3, 4, 5, 0, 0, 0,  # row 0: four 200, five literal
                  9, 7, 0, 0,  # row 1
                  2, 9, 0, 2, 3, 1, 1, 250, 0, 1])  # row 2, a jump to row 3, the end
    index = np.zeros((4, 9), int)
    index[3] = [200] * 4 + [1, 2, 3, 4, 5]
    index[2] = 7
    index[1, :2] = 9
    index[0, 5] = 250
    add("bmp_rle8.bmp", bmp(9, 4, 8, 1, runs, palette.tobytes()), palette[index][:, :, 2::-1])
    runs = bytes([5, 0x12, 0, 4, 0x34, 0x56, 0, 0, 9, 0x7F, 0, 1])
    index = np.array([[7, 15] * 4 + [7], [1, 2, 1, 2, 1, 3, 4, 5, 6]])
    add("bmp_rle4.bmp", bmp(9, 2, 4, 2, runs, palette[:16].tobytes()), palette[index][:, :, 2::-1])
    core = b"BM" + struct.pack("<IHHI", 0, 0, 0, 26) + struct.pack("<IHHHH", 12, 9, 7, 1, 24)
    add("bmp_core.bmp", core + rows(bgr), rgb)


def scaled(samples, largest):
    return ((samples * 510 + largest) // (2 * largest)).astype(np.uint8)


def pnms():
    rng = np.random.default_rng(7)
    for largest in (1, 100, 255, 1023, 65535):
        gray = rng.integers(0, largest + 1, (5, 6, 1))
        rgb = rng.integers(0, largest + 1, (5, 6, 3))
        for name, samples in (("gray", gray), ("rgb", rgb)):
            expected = np.broadcast_to(scaled(samples, largest), (5, 6, 3))
            letter = 2 if name == "gray" else 3
            text = f"P{letter}\n# a comment\n6 5\n{largest}\n"
            text += "\n".join(" ".join(map(str, row.ravel())) for row in samples) + "\n"
            add(f"pnm_{name}_text_{largest}.{'pgm' if letter == 2 else 'ppm'}", text.encode(),
                expected)
            kind = ">u2" if largest > 255 else "u1"
            data = f"P{letter + 3} 6 5 {largest}\n".encode() + samples.astype(kind).tobytes()
            if largest == 255:
                assert np.array_equal(pillow_rgb(data), expected)
            add(f"pnm_{name}_binary_{largest}.{'pgm' if letter == 2 else 'ppm'}", data, expected)


def main():
    os.makedirs(OUT, exist_ok=True)
    for make in (jpegs, pngs, webps, bmps, pnms):
        make()
    with open(os.path.join(OUT, "index.txt"), "w") as file:
        file.write("# file width height fnv1a64 of the RGB bytes\n" + "\n".join(INDEX) + "\n")


main()
