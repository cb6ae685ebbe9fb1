from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps, features
from PIL.Image import Transpose

from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.export.transform.pixels import exported_bytes
from airflow_cv_dataops.core.export.transform.placement import Resize
from airflow_cv_dataops.core.imaging.decoding.decode import Decoded, decode

ORIENTATION = 0x0112
# What has to be done to stored pixels; here, the other way round, what stores them so.
STORED_AS = {
    2: Transpose.FLIP_LEFT_RIGHT,
    3: Transpose.ROTATE_180,
    4: Transpose.FLIP_TOP_BOTTOM,
    5: Transpose.TRANSPOSE,
    6: Transpose.ROTATE_90,
    7: Transpose.TRANSVERSE,
    8: Transpose.ROTATE_270,
}
SCENES = [f"{name}_{number}.jpg" for name in ("Landscape", "Portrait") for number in range(9)]


def scene(width=60, height=40):
    """A picture whose corners differ: red above left, green above right, blue below left, white below right."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[: height // 2, : width // 2] = 255, 0, 0
    pixels[: height // 2, width // 2 :] = 0, 255, 0
    pixels[height // 2 :, : width // 2] = 0, 0, 255
    pixels[height // 2 :, width // 2 :] = 255, 255, 255
    return Image.fromarray(pixels)


def stored(picture, kind, **options):
    written = io.BytesIO()
    picture.save(written, kind, **options)
    return written.getvalue()


def exported(data, resize=None, orientation=None, size=None):
    """Export as an export does: placed by what ingest says of the file."""
    found = decode(data)
    assert isinstance(found, Decoded)
    place = (resize or Resize()).place(*(size or (found.width, found.height)))
    return exported_bytes(data, orientation=orientation or found.exif.orientation, placement=place)


def opened(exported):
    """Return what a reader that heeds no tag sees."""
    return Image.open(io.BytesIO(exported[0]))


def differences(one, other):
    return np.abs(np.asarray(one).astype(float) - np.asarray(other).astype(float))


@pytest.mark.parametrize("name", SCENES)
def test_real_jpegs_of_every_orientation_come_out_as_people_see_them(shared_data, name):
    folder = shared_data("neardup") / "exif_orientation"
    data = (folder / name).read_bytes()
    found = exported(data)
    assert found[1] == ".jpg"
    seen = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    assert opened(found).size == seen.size
    assert differences(opened(found), seen).mean() < 1.5
    # The same scene as in the file without a tag; people drew the number of the orientation onto it, so only on average.
    first = Image.open(folder / f"{name.split('_')[0]}_1.jpg")
    assert differences(opened(found).resize((64, 64)), first.resize((64, 64))).mean() < 12


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF"])
def test_no_picture_is_turned_twice_or_not_at_all(kind, orientation):
    if kind == "AVIF" and not features.check("avif"):
        pytest.skip("this Pillow has no AVIF")
    if kind == "HEIF":
        pytest.importorskip("pillow_heif").register_heif_opener()
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    picture = scene() if orientation == 1 else scene().transpose(STORED_AS[orientation])
    data = stored(picture, kind, exif=exif if kind == "TIFF" else exif.tobytes(), quality=90)
    found = decode(data)
    assert isinstance(found, Decoded)
    assert (found.width, found.height) == (60, 40)
    assert found.exif.orientation in ((orientation,) if orientation > 1 else (1, None))
    seen = opened(exported(data))
    assert seen.size == (60, 40)
    assert differences(seen, scene()).mean() < 8


def test_a_reader_that_heeds_tags_and_one_that_does_not_see_the_same():
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="r"><rdf:Description tiff:Orientation="6"/></rdf:RDF></x:xmpmeta>'
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    data = stored(scene().transpose(Transpose.ROTATE_90), "JPEG", exif=exif.tobytes(), xmp=xmp, comment=b"of a camera")
    found = exported(data)
    without, heeded = opened(found), ImageOps.exif_transpose(opened(found))
    assert without.size == heeded.size == (60, 40)
    assert not differences(without, heeded).any()
    assert not dict(without.getexif())
    assert not any(mark in found[0] for mark in (b"Exif", b"xmpmeta", b"of a camera"))
    assert np.asarray(without)[5, 5].tolist() == pytest.approx([255, 0, 0], abs=3)


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_crops_are_of_the_upright_picture(orientation):
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    picture = scene() if orientation == 1 else scene().transpose(STORED_AS[orientation])
    data = stored(picture, "PNG", exif=exif.tobytes())
    seen = opened(exported(data, Resize(crop=(0.5, 0, 1, 0.5))))
    assert seen.size == (30, 20)
    assert seen.getcolors() == [(600, (0, 255, 0))]


def test_each_fit_gives_its_size():
    data = stored(scene(), "PNG")
    assert opened(exported(data, Resize(30))).size == (30, 20)
    assert opened(exported(data, Resize((30, 30), "stretch"))).size == (30, 30)
    padded = opened(exported(data, Resize((30, 30), "pad")))
    assert padded.size == (30, 30)
    assert np.asarray(padded)[[0, 4, 25, 29]].min() == np.asarray(padded)[[0, 4, 25, 29]].max() == 114
    assert np.asarray(padded)[5, 0].tolist() == [255, 0, 0]
    assert np.asarray(padded)[24, 29].tolist() == [255, 255, 255]
    covered = opened(exported(data, Resize((20, 40), "cover")))
    assert np.asarray(covered)[0, [0, 19]].tolist() == [[255, 0, 0], [0, 255, 0]]


def test_pixels_lie_where_labels_are_moved_to():
    """A white square on black, much smaller afterwards: its middle is where the label's middle is."""
    pixels = np.zeros((1000, 1400), np.uint8)
    pixels[300:500, 900:1100] = 255
    resize = Resize((224, 224), "pad", crop=(0.1, 0, 1, 0.9))
    place = resize.place(1400, 1000)
    seen = np.asarray(opened(exported(stored(Image.fromarray(pixels), "PNG"), resize))).astype(float)
    weights = np.where(seen > 150, seen, 0.0)
    rows, columns = np.indices(seen.shape) + 0.5
    assert (columns * weights).sum() / weights.sum() == pytest.approx((1000 - place.window[0]) * place.scale[0] + place.offset[0], abs=0.1)
    assert (rows * weights).sum() / weights.sum() == pytest.approx((400 - place.window[1]) * place.scale[1] + place.offset[1], abs=0.1)


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_jpeg_keeps_its_mode_and_its_profile(mode):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    seen = opened(exported(stored(scene().convert(mode), "JPEG", icc_profile=profile), Resize(30)))
    assert (seen.format, seen.mode, seen.info["icc_profile"]) == ("JPEG", mode, profile)
    assert all(table[0] <= 2 for table in seen.quantization.values())  # quality 95
    assert mode == "L" or {layer[1:3] for layer in seen.layer} == {(1, 1)}  # 4:4:4


def test_a_cmyk_jpeg_becomes_rgb_without_the_profile_of_its_inks():
    seen = opened(exported(stored(scene().convert("CMYK"), "JPEG", icc_profile=b"inks" * 40, quality=95), Resize(30)))
    assert (seen.format, seen.mode) == ("JPEG", "RGB")
    assert "icc_profile" not in seen.info
    assert np.asarray(seen)[3, 3].tolist() == pytest.approx([255, 0, 0], abs=6)


@pytest.mark.parametrize(("mode", "becomes"), [("1", "L"), ("L", "L"), ("LA", "LA"), ("P", "RGB"), ("RGB", "RGB"), ("RGBA", "RGBA")])
@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_what_is_no_jpeg_becomes_a_png_without_loss(mode, becomes, kind):
    picture = scene().convert(mode)
    found = exported(stored(picture, kind), Resize(crop=(0, 0, 0.5, 1)))
    assert found[1] == ".png"
    seen = opened(found)
    assert (seen.format, seen.mode) == ("PNG", becomes)
    assert not differences(seen, picture.crop((0, 0, 30, 40)).convert(becomes)).any()


def test_transparency_is_kept_and_padding_is_opaque():
    palette = scene().quantize(4)
    data = stored(palette, "PNG", transparency=palette.getpixel((0, 0)))
    seen = np.asarray(opened(exported(data, Resize((60, 60), "pad"))))
    assert seen[0, 0].tolist() == [114, 114, 114, 255]
    assert seen[15, 5, 3] == 0
    assert seen[45, 55].tolist() == [255, 255, 255, 255]


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
@pytest.mark.parametrize("order", ["<u2", ">u2"])
def test_grey_of_16_bits_stays_so(kind, order):
    pixels = np.linspace(0, 65535, 60 * 40).reshape(40, 60).astype(order)
    mode = "I;16B" if order == ">u2" and kind == "TIFF" else "I;16"
    data = stored(Image.frombytes(mode, (60, 40), (pixels if mode == "I;16B" else pixels.astype("<u2")).tobytes()), kind)
    cut = np.asarray(opened(exported(data, Resize(crop=(0, 0.5, 1, 1)))))
    assert cut.dtype == np.uint16
    assert (cut == pixels[20:]).all()
    padded = np.asarray(opened(exported(data, Resize((30, 30), "pad"))))
    assert padded[0, 0] == 29298
    means = pixels.reshape(20, 2, 30, 2).mean(axis=(1, 3))
    assert np.abs(padded[5:25][2:-2, 2:-2] - means[2:-2, 2:-2]).max() < 40


def test_16_bits_do_not_run_over_at_an_edge():
    pixels = np.zeros((40, 60), np.uint16)
    pixels[:, 30:] = 65535
    seen = np.asarray(opened(exported(stored(Image.fromarray(pixels), "PNG"), Resize((90, 90), "stretch"))))
    assert seen[:, :40].max() < 3000
    assert seen[:, 50:].min() > 62000


def test_wide_pixels_beyond_16_bits_become_8_bit_grey():
    pixels = np.linspace(0, 1, 60 * 40, dtype=np.float32).reshape(40, 60)
    seen = opened(exported(stored(Image.fromarray(pixels), "TIFF"), Resize(30)))
    assert seen.mode == "L"
    assert np.asarray(seen)[-1, -1] > 250
    counts = stored(Image.fromarray(np.full((4, 4), 4000, np.int32)), "TIFF")
    assert np.asarray(opened(exported(counts, Resize(crop=(0, 0, 0.5, 0.5))))).tolist() == [[4000, 4000], [4000, 4000]]


def test_of_several_frames_it_is_the_first():
    frames = [scene(), Image.new("RGB", (60, 40), "black")]
    for kind in ("GIF", "TIFF", "WEBP", "PNG"):
        data = stored(frames[0], kind, save_all=True, append_images=frames[1:], **({"lossless": True} if kind == "WEBP" else {}))
        assert np.asarray(opened(exported(data, Resize(crop=(0, 0, 0.5, 0.5)))).convert("RGB"))[5, 5].tolist() == [255, 0, 0]
    data = stored(frames[0], "MPO", save_all=True, append_images=frames[1:])
    found = exported(data, Resize(30))
    assert found[1] == ".jpg"
    assert (opened(found).format, getattr(opened(found), "n_frames", 1)) == ("JPEG", 1)


def test_equal_calls_write_equal_bytes():
    for kind in ("JPEG", "PNG"):
        data = stored(scene(300, 200), kind)
        assert exported(data, Resize(100)) == exported(data, Resize(100))


def test_what_cannot_be_decoded_is_said():
    whole = stored(scene(300, 200), "JPEG")
    place = Resize(100).place(300, 200)
    with pytest.raises(OSError, match=r"^The picture cannot be exported: OSError: .*truncated"):
        exported_bytes(whole[: len(whole) // 2], orientation=None, placement=place)
    with pytest.raises(OSError, match="no allowed image format begins like this"):
        exported_bytes(b"no picture", orientation=None, placement=place)
    with pytest.raises(OSError, match="upright it is 200 x 300 px, but 300 x 200 px were expected"):
        exported_bytes(whole, orientation=6, placement=place)
    with pytest.raises(ConfigurationError, match="unknown to Pillow"):
        exported_bytes(whole, orientation=None, placement=place, formats=("NONE",))


def test_a_broken_description_refuses_no_picture():
    data = stored(scene(), "PNG", icc_profile=b"x" * 200)
    at = data.index(b"iCCP")
    broken = data[: at + 10] + b"\xff\xff" + data[at + 12 :]
    assert isinstance(decode(broken), Decoded)
    assert opened(exported(broken, Resize(30))).size == (30, 20)


def test_formats_beyond_the_default_are_read_where_they_were_ingested():
    data = stored(scene(), "PPM")
    found = exported_bytes(data, orientation=None, placement=Resize(30).place(60, 40), formats=("PPM",))
    assert opened(found).size == (30, 20)
