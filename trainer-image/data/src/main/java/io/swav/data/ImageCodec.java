package io.swav.data;

import io.swav.api.DataSpec;
import io.swav.torch.NativeLibraries;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import nu.pattern.OpenCV;
import org.opencv.core.Core;
import org.opencv.core.CvException;
import org.opencv.core.CvType;
import org.opencv.core.Mat;
import org.opencv.core.MatOfByte;
import org.opencv.imgcodecs.Imgcodecs;

/** Converts encoded images to and from {@link FloatImage}s. This is the only class that uses OpenCV. */
public final class ImageCodec {
    static {
        System.load(NativeLibraries.find(Core.NATIVE_LIBRARY_NAME)
                .orElseGet(ImageCodec::unpacked)
                .toString());
        Core.setNumThreads(0); // parallelism is ours: one image per thread
    }

    private ImageCodec() {}

    /** Unpacks the library once per version: the jar's own loader would unpack 65 MB at every start. */
    private static Path unpacked() {
        String resource = "/nu/pattern/opencv/linux/x86_64/" + System.mapLibraryName(Core.NATIVE_LIBRARY_NAME);
        return NativeLibraries.unpack(OpenCV.class, resource, "opencv-" + Core.VERSION);
    }

    static boolean isImage(String fileName) {
        return ImageFormat.hasImageName(fileName);
    }

    /** A decoded image: rows of pixels in the order blue, green, red. */
    public record Bgr(ByteBuffer bytes, int width, int height) {}

    /**
     * Decodes an image within the standard limits. EXIF orientation is ignored, as in torchvision's loader.
     *
     * @return false if these bytes are not a complete image, or the image is too large
     */
    public static boolean decode(byte[] encoded, FloatImage to) {
        Optional<Bgr> image = decode(encoded);
        image.ifPresent(to::load);
        return image.isPresent();
    }

    /** Decodes an image as above; empty if these bytes are not a complete image, or the image is too large. */
    public static Optional<Bgr> decode(byte[] encoded) {
        try {
            return Optional.of(decode(encoded, ImageLimits.standard()));
        } catch (BadImageException e) {
            return Optional.empty();
        }
    }

    /** As {@link #decode(byte[], ImageLimits, DataSpec.ExifOrientation)}; EXIF orientation is ignored. */
    public static Bgr decode(byte[] encoded, ImageLimits limits) throws BadImageException {
        return decode(encoded, limits, DataSpec.ExifOrientation.Ignore);
    }

    /**
     * Decodes an image. Its content decides its format, and the result is what Pillow's {@code convert("RGB")} shows: alpha
     * is dropped, 16-bit levels lose their low byte, and of CMYK values those of Adobe's programs are inverted.
     *
     * @throws BadImageException if these bytes are not a complete image, or the image exceeds the limits; no memory is
     *     taken for its pixels then
     */
    public static Bgr decode(byte[] encoded, ImageLimits limits, DataSpec.ExifOrientation orientation)
            throws BadImageException {
        ImageFormat format = ImageFormat.of(encoded)
                .orElseThrow(() -> new BadImageException("it does not begin like any of " + ImageFormat.list()));
        ImageHeader.Size size = ImageHeader.read(format, encoded)
                .orElseThrow(() -> new BadImageException("its header is not that of a " + format + " with pixels"));
        limits.require(size);
        CompleteImage.require(format, encoded);
        try {
            Bgr image = switch (format) {
                case GIF -> GifFrame.first(encoded).decode();
                case TIFF ->
                    pixels(TiffDirectory.first(ByteBuffer.wrap(encoded)).withColorsAsTheyAre(encoded), limits);
                default -> pixels(encoded, limits);
            };
            return orientation == DataSpec.ExifOrientation.Apply
                    ? ExifOrientation.upright(image, ExifOrientation.of(format, encoded))
                    : image;
        } catch (CvException | OutOfMemoryError e) {
            throw new BadImageException(size + " cannot be decoded: " + e.getMessage());
        }
    }

    private static Bgr pixels(byte[] encoded, ImageLimits limits) throws BadImageException {
        MatOfByte bytes = new MatOfByte(encoded);
        Mat image = new Mat();
        try {
            image = Imgcodecs.imdecode(bytes, Imgcodecs.IMREAD_COLOR | Imgcodecs.IMREAD_IGNORE_ORIENTATION);
            if (image.empty()) {
                throw new BadImageException("it cannot be decoded");
            }
            limits.require(new ImageHeader.Size(image.cols(), image.rows())); // the two may read a header differently
            byte[] bgr = new byte[Math.toIntExact(3L * image.rows() * image.cols())];
            image.get(0, 0, bgr);
            return new Bgr(ByteBuffer.wrap(bgr), image.cols(), image.rows());
        } finally {
            bytes.release();
            image.release();
        }
    }

    /**
     * Encodes an image.
     *
     * @param extension with its dot: {@code .png}, {@code .jpg}
     */
    public static byte[] encode(FloatImage image, String extension) {
        byte[] rgb = image.toBytes();
        byte[] bgr = new byte[rgb.length];
        for (int i = 0; i < rgb.length; i += 3) {
            bgr[i] = rgb[i + 2];
            bgr[i + 1] = rgb[i + 1];
            bgr[i + 2] = rgb[i];
        }
        Mat mat = new Mat(image.height, image.width, CvType.CV_8UC3);
        MatOfByte encoded = new MatOfByte();
        try {
            mat.put(0, 0, bgr);
            if (!Imgcodecs.imencode(extension, mat, encoded)) {
                throw new IllegalStateException("OpenCV has no encoder for " + extension);
            }
            return encoded.toArray();
        } finally {
            mat.release();
            encoded.release();
        }
    }

    static void write(FloatImage image, Path file) throws IOException {
        Files.write(file, encode(image, ".png"));
    }
}
