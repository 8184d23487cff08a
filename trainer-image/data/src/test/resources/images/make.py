#!/usr/bin/python3
"""Writes the images of ImageFormatsTest, and beside each what Pillow's convert("RGB") shows of it, as NAME.ppm, and
what it shows after exif_transpose, as NAME.upright.ppm.

Debian 12's python3-pil (9.4.0) wrote those that are committed: /usr/bin/python3 make.py in this folder.
What Pillow cannot write is put together from its parts below. Where Pillow clips (16-bit gray), the expected image is the high byte.
"""
import io
import struct
import zlib

import numpy as np
from PIL import Image, ImageOps

W, H = 21, 13
y, x = np.mgrid[0:H, 0:W]
rng = np.random.default_rng(7)
rgb = np.stack([x * 255 // (W - 1), y * 255 // (H - 1), (x * 11 + y * 17) % 256], 2).astype("uint8")
smooth = np.stack([128 + 100 * np.sin(x / 4 + c) * np.cos(y / 3 + c) for c in range(3)], 2).astype("uint8")
alpha = ((x + y) * 255 // (W + H - 2)).astype("uint8")
alpha[:4, :4] = 0  # colors that nothing shows
gray = rgb[..., 0] // 2 + rgb[..., 1] // 2
gray16 = (gray.astype("uint16") << 8) + (np.arange(H * W).reshape(H, W) % 256).astype("uint16")
rgb16 = (rgb.astype("uint16") << 8) + rng.integers(0, 256, rgb.shape).astype("uint16")


def write_ppm(name, pixels):
    with open(name, "wb") as f:
        f.write(b"P6 %d %d 255\n" % (pixels.shape[1], pixels.shape[0]) + pixels.astype("uint8").tobytes())


def write(name, data, expected=None):
    with open(name, "wb") as f:
        f.write(data)
    if expected is None:
        expected = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    if expected.ndim == 2:
        expected = np.repeat(expected[..., None], 3, 2)
    write_ppm(name + ".ppm", expected)


def write_turned(name, kind, array, orientation, **options):
    exif = Image.Exif()
    exif[274] = orientation
    data = encode(of(array), kind, exif=exif.tobytes(), **options)
    write(name, data)
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB")
    write_ppm(name + ".upright.ppm", np.asarray(upright))


def encode(image, kind, **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def of(array, mode=None):
    return Image.fromarray(array, mode)


# JPEG
for name, sampling in [("420", 2), ("422", 1), ("444", 0)]:
    write(f"sampling-{name}.jpg", encode(of(smooth), "JPEG", quality=90, subsampling=sampling))
write("progressive.jpg", encode(of(smooth), "JPEG", quality=90, progressive=True))
write("gray.jpg", encode(of(gray), "JPEG", quality=90))
plain = encode(of(smooth), "JPEG", quality=95, subsampling=0)


def adobe(transform):
    return b"\xff\xee\x00\x0eAdobe" + struct.pack(">HHHB", 100, 0, 0, transform)


def without(data, marker):
    """Leaves out the segments with this marker."""
    at = 2
    while data[at + 1] != 0xDA:
        length = 2 + struct.unpack(">H", data[at + 2 : at + 4])[0]
        if data[at + 1] == marker:
            data = data[:at] + data[at + length :]
        else:
            at += length
    return data


write("rgb-adobe.jpg", without(plain, 0xE0)[:2] + adobe(0) + without(plain, 0xE0)[2:])
inks = np.concatenate([255 - smooth, (x * 90 // W).astype("uint8")[..., None]], 2)
cmyk = encode(of(inks, "CMYK"), "JPEG", quality=95)
bare = without(cmyk, 0xEE)
write("cmyk-adobe.jpg", bare[:2] + adobe(0) + bare[2:])
write("ycck-adobe.jpg", bare[:2] + adobe(2) + bare[2:])
write("cmyk-plain.jpg", bare)


# PNG, by hand where Pillow cannot
def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(array, bits, color, more=b"", interlaced=False):
    rows = b""
    for top, left, down, right in [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)] if interlaced else [(0, 0, 1, 1)]:
        part = array[top::down, left::right]
        if part.shape[1]:
            for row in part:
                if bits < 8:
                    of_bits = "".join(format(int(v), f"0{bits}b") for v in row.ravel())
                    of_bits += "0" * (-len(of_bits) % 8)
                    rows += b"\0" + bytes(int(of_bits[i : i + 8], 2) for i in range(0, len(of_bits), 8))
                else:
                    rows += b"\0" + row.astype(">u2" if bits == 16 else "u1").tobytes()
    head = struct.pack(">IIBBBBB", array.shape[1], array.shape[0], bits, color, 0, 0, int(interlaced))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + more + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


rgba = np.concatenate([rgb, alpha[..., None]], 2)
write("rgb.png", png(rgb, 8, 2))
write("rgba.png", png(rgba, 8, 6))
write("gray.png", png(gray, 8, 0))
write("gray-alpha.png", png(np.stack([gray, alpha], 2), 8, 4))
write("gray16.png", png(gray16, 16, 0), gray16 >> 8)
write("rgb16.png", png(rgb16, 16, 2), rgb16 >> 8)
write("rgba16.png", png(np.concatenate([rgb16, alpha.astype("uint16")[..., None] << 8], 2), 16, 6), rgb16 >> 8)
write("interlaced.png", png(rgb, 8, 2, interlaced=True))
colors = rng.integers(0, 256, (256, 3)).astype("uint8")
for bits in (1, 2, 4, 8):
    index = (x * 3 + y * 5) % (1 << bits)
    table = chunk(b"PLTE", colors[: 1 << bits].tobytes())
    write(f"palette{bits}.png", png(index, bits, 3, table))
    write(f"gray{bits}.png", png(index, bits, 0))
index = (x * 3 + y * 5) % 256
write("palette-alpha.png", png(index, 8, 3, chunk(b"PLTE", colors.tobytes()) + chunk(b"tRNS", bytes(range(0, 250, 2)))))
write("rgb-key.png", png(rgb, 8, 2, chunk(b"tRNS", struct.pack(">HHH", *rgb[3, 3].astype(int)))))

# WebP
write("lossy.webp", encode(of(smooth), "WEBP", quality=90))
write("lossless.webp", encode(of(rgb), "WEBP", lossless=True, exact=True))
write("alpha-lossless.webp", encode(of(rgba), "WEBP", lossless=True, exact=True))
write("alpha-lossy.webp", encode(of(np.concatenate([smooth, alpha[..., None]], 2)), "WEBP", quality=90, exact=True))

# BMP
write("rgb.bmp", encode(of(rgb), "BMP"))
write("gray.bmp", encode(of(gray), "BMP"))
write("palette.bmp", encode(of(rgb).quantize(100), "BMP"))
write("bits.bmp", encode(of(gray).convert("1"), "BMP"))


def bmp(bits, compression, table, data, width=W, height=H):
    head = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, compression, len(data), 0, 0, 0, 0) + table
    return b"BM" + struct.pack("<IHHI", 14 + len(head) + len(data), 0, 0, 14 + len(head)) + head + data


bgra = np.concatenate([rgb[..., ::-1], alpha[..., None]], 2)
write("rgba.bmp", bmp(32, 0, b"", bgra[::-1].tobytes()), rgb)
write("top-down.bmp", bmp(32, 0, b"", bgra.tobytes(), height=-H), rgb)
packed = (rgb[..., 0].astype(int) >> 3 << 11) + (rgb[..., 1].astype(int) >> 2 << 5) + (rgb[..., 2] >> 3)
rows565 = b"".join(row.astype("<u2").tobytes() + b"\0" * (-2 * W % 4) for row in packed[::-1])
write("rgb565.bmp", bmp(16, 3, struct.pack("<III", 0xF800, 0x7E0, 0x1F), rows565))
run = b"".join(bytes([W - 8, 5 + r, 0, 5]) + bytes([1 + r, 2, 3, 4, 5]) + b"\0" + bytes([3, 9, 0, 0]) for r in range(H)) + b"\0\1"
table = np.concatenate([colors[:, ::-1], np.zeros((256, 1), "uint8")], 1).tobytes()
expected = np.array([[5 + r] * (W - 8) + [1 + r, 2, 3, 4, 5] + [9] * 3 for r in range(H)])[::-1]
write("runs8.bmp", bmp(8, 1, table, run), colors[expected])

# TIFF
for compression in ["raw", "tiff_lzw", "tiff_adobe_deflate", "packbits"]:
    write(f"{compression}.tif", encode(of(rgb), "TIFF", compression=compression))
write("jpeg.tif", encode(of(smooth), "TIFF", compression="jpeg", quality=95))
write("gray.tif", encode(of(gray), "TIFF"))
write("bits.tif", encode(of(gray).convert("1"), "TIFF"))
write("fax.tif", encode(of(gray).convert("1"), "TIFF", compression="group4"))
write("palette.tif", encode(of(rgb).quantize(100), "TIFF"))
write("rgba.tif", encode(of(rgba), "TIFF"))
write("gray-alpha.tif", encode(of(np.stack([gray, alpha], 2), "LA"), "TIFF"))
write("cmyk.tif", encode(of(inks, "CMYK"), "TIFF"))
write("pages.tif", encode(of(rgb), "TIFF", save_all=True, append_images=[of(smooth)]))
write("gray16.tif", encode(of(gray16), "TIFF"), gray16 >> 8)


def tiff(order, tags, data):
    """One strip; the data follows the header, then the directory."""
    e = order
    at = 8 + len(data)
    tags = dict(tags) | {256: (3, W), 257: (3, H), 273: (4, 8), 278: (3, H), 279: (4, len(data))}
    entries, extra = b"", b""
    end = at + 2 + 12 * len(tags) + 4
    for tag in sorted(tags):
        kind, *values = tags[tag]
        raw = b"".join(struct.pack(e + ("H" if kind == 3 else "I"), v) for v in values)
        if len(raw) > 4:
            entries += struct.pack(e + "HHII", tag, kind, len(values), end + len(extra))
            extra += raw
        else:
            entries += struct.pack(e + "HHI", tag, kind, len(values)) + raw.ljust(4, b"\0")
    return (b"II*\0" if e == "<" else b"MM\0*") + struct.pack(e + "I", at) + data + struct.pack(e + "H", len(tags)) + entries + b"\0" * 4 + extra


base = {259: (3, 1), 262: (3, 2), 277: (3, 3), 258: (3, 8, 8, 8)}
write("big-endian.tif", tiff(">", base, rgb.tobytes()))
write("rgb16.tif", tiff("<", base | {258: (3, 16, 16, 16)}, rgb16.astype("<u2").tobytes()), rgb16 >> 8)
write("rgb16-big-endian.tif", tiff(">", base | {258: (3, 16, 16, 16)}, rgb16.astype(">u2").tobytes()), rgb16 >> 8)
write("white-is-zero.tif", tiff("<", {259: (3, 1), 262: (3, 0), 277: (3, 1), 258: (3, 8)}, gray.tobytes()), 255 - gray)
write("planes.tif", tiff("<", base | {284: (3, 1)}, rgb.tobytes()))
write("turned.tif", tiff("<", base | {274: (3, 6)}, rgb.tobytes()))
write("upside-down.tif", tiff("<", base | {274: (3, 3)}, rgb.tobytes()))

# GIF
few = of(rgb).quantize(60)
write("palette.gif", encode(few, "GIF"))
write("gray.gif", encode(of(gray), "GIF"))
write("transparent.gif", encode(few, "GIF", transparency=int(np.asarray(few)[2, 2])))
write("interlaced.gif", encode(few, "GIF", interlace=1))
write("animated.gif", encode(few, "GIF", save_all=True, append_images=[of(smooth).quantize(60)]))


def lzw(indices, bits):
    """Codes of one size: a clear code before the table could grow."""
    codes, size, clear = [], bits + 1, 1 << bits
    for i, v in enumerate(indices):
        if i % (clear - 2) == 0:
            codes.append(clear)
        codes.append(int(v))
    codes.append(clear + 1)
    number = sum(c << (size * i) for i, c in enumerate(codes))
    data = number.to_bytes((size * len(codes) + 7) // 8, "little")
    blocks = b"".join(bytes([len(data[i : i + 255])]) + data[i : i + 255] for i in range(0, len(data), 255))
    return bytes([bits]) + blocks + b"\0"


inner = (x * 3 + y * 5)[:7, :9] % 16
part = b"GIF89a" + struct.pack("<HHBBB", W, H, 0x80 | 3, 2, 0) + colors[:16].tobytes()
control = b"\x21\xf9\x04\x01\0\0\x05\0"
frame = b"\x2c" + struct.pack("<HHHHB", 4, 3, 9, 7, 0) + lzw(inner.ravel(), 4)
write("part.gif", part + frame + b"\x3b")
write("part-transparent.gif", part + control + frame + b"\x3b")
local = b"\x2c" + struct.pack("<HHHHB", 0, 0, 9, 7, 0x80 | 3) + colors[16:32].tobytes() + lzw(inner.ravel(), 4)
write("own-colors.gif", b"GIF87a" + struct.pack("<HHBBB", 9, 7, 0x80 | 3, 0, 0) + colors[:16].tobytes() + local + b"\x3b")

# JPEG 2000
write("lossless.jp2", encode(of(rgb), "JPEG2000", irreversible=False))
write("lossy.jp2", encode(of(smooth), "JPEG2000", irreversible=True, quality_mode="rates", quality_layers=[4]))
write("gray.jp2", encode(of(gray), "JPEG2000", irreversible=False))
write("rgba.jp2", encode(of(rgba), "JPEG2000", irreversible=False))
write("gray16.jp2", encode(of(gray16), "JPEG2000", irreversible=False), gray16 >> 8)
write("tiles.jp2", encode(of(rgb), "JPEG2000", irreversible=False, tile_size=(8, 8)))
stream = encode(of(rgb), "JPEG2000", irreversible=False, no_jp2=True)
write("stream.j2k", stream[stream.index(b"\xff\x4f\xff\x51") :])

# PPM, PGM, PBM
digits = b" ".join(b"%d" % v for v in rgb.ravel())
write("digits.ppm", b"P3\n# a comment\n%d %d\n255\n" % (W, H) + digits + b"\n", rgb)
write("digits.pgm", b"P2\n%d %d\n255\n" % (W, H) + b" ".join(b"%d" % v for v in gray.ravel()) + b"\n", gray)
bits = (x + y) % 3 == 0
write("digits.pbm", b"P1\n%d %d\n" % (W, H) + b" ".join(b"%d" % v for v in bits.ravel()) + b"\n", np.where(bits, 0, 255))
write("bits.pbm", b"P4\n%d %d\n" % (W, H) + np.packbits(bits, axis=1).tobytes(), np.where(bits, 0, 255))
write("gray.pgm", b"P5 %d %d 255\n" % (W, H) + gray.tobytes(), gray)
write("rgb.ppm", b"P6 %d %d 255\n" % (W, H) + rgb.tobytes(), rgb)
write("gray16.pgm", b"P5 %d %d 65535\n" % (W, H) + gray16.astype(">u2").tobytes(), gray16 >> 8)
write("rgb16.ppm", b"P6 %d %d 65535\n" % (W, H) + rgb16.astype(">u2").tobytes(), rgb16 >> 8)

# EXIF orientation
for orientation in range(1, 9):
    write_turned(f"orientation{orientation}.png", "PNG", rgb, orientation)
write_turned("orientation6.jpg", "JPEG", smooth, 6, quality=95)
write_turned("orientation8.webp", "WEBP", rgb, 8, lossless=True)
