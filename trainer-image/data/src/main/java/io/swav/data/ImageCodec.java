package io.swav.data;

import io.swav.torch.NativeLibraries;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import nu.pattern.OpenCV;
import org.opencv.core.Core;
import org.opencv.core.CvException;
import org.opencv.core.CvType;
import org.opencv.core.Mat;
import org.opencv.core.MatOfByte;
import org.opencv.imgcodecs.Imgcodecs;

/** Converts encoded images to and from {@link FloatImage}s. This is the only class that uses OpenCV. */
public final class ImageCodec {
    private static final Set<String> EXTENSIONS = Set.of("jpg", "jpeg", "png", "bmp", "webp", "ppm", "tif", "tiff");

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
        int dot = fileName.lastIndexOf('.');
        return dot >= 0 && EXTENSIONS.contains(fileName.substring(dot + 1).toLowerCase(Locale.ROOT));
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

    /**
     * Decodes an image. EXIF orientation is ignored, as in torchvision's loader.
     *
     * @throws BadImageException if these bytes are not a complete image, or the image exceeds the limits; no memory is
     *     taken for its pixels then
     */
    public static Bgr decode(byte[] encoded, ImageLimits limits) throws BadImageException {
        ImageHeader.Size size = ImageHeader.read(encoded)
                .orElseThrow(
                        () -> new BadImageException("it does not begin as a JPEG, PNG, BMP, WebP, PPM or TIFF does"));
        limits.require(size);
        if (isTruncatedJpeg(encoded)) {
            throw new BadImageException("it is a JPEG without an end: it is truncated");
        }
        try {
            return pixels(encoded, limits);
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

    /** Whether this is a JPEG without an end marker. libjpeg would fill the missing part with gray and only warn. */
    private static boolean isTruncatedJpeg(byte[] encoded) {
        if (encoded.length < 4 || encoded[0] != (byte) 0xff || encoded[1] != (byte) 0xd8) {
            return false;
        }
        for (int i = encoded.length - 2; i > 1; i--) {
            if (encoded[i] == (byte) 0xff && encoded[i + 1] == (byte) 0xd9) {
                return false;
            }
        }
        return true;
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
