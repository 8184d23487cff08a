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

/** Encoded pictures to and from {@link FloatImage}s: the one place that uses OpenCV. */
final class ImageCodec {
    private static final Set<String> EXTENSIONS = Set.of("jpg", "jpeg", "png", "bmp", "webp", "ppm", "tif", "tiff");

    static {
        System.load(NativeLibraries.find(Core.NATIVE_LIBRARY_NAME)
                .orElseGet(ImageCodec::unpacked)
                .toString());
        Core.setNumThreads(0); // the threads are ours: one picture a thread
    }

    private ImageCodec() {}

    /** The jar's own loader would unpack 65 MB at every start. */
    private static Path unpacked() {
        String resource = "/nu/pattern/opencv/linux/x86_64/" + System.mapLibraryName(Core.NATIVE_LIBRARY_NAME);
        return NativeLibraries.unpack(OpenCV.class, resource, "opencv-" + Core.VERSION);
    }

    static boolean isPicture(String fileName) {
        int dot = fileName.lastIndexOf('.');
        return dot >= 0 && EXTENSIONS.contains(fileName.substring(dot + 1).toLowerCase(Locale.ROOT));
    }

    /** A decoded picture: rows of pixels of blue, green and red. */
    record Bgr(ByteBuffer bytes, int width, int height) {}

    /**
     * Decodes. EXIF orientation is ignored, as torchvision's loader ignores it.
     *
     * @return false if these bytes are not a whole picture
     */
    static boolean decode(byte[] encoded, FloatImage to) {
        Optional<Bgr> picture = decode(encoded);
        picture.ifPresent(to::load);
        return picture.isPresent();
    }

    /** The same; empty if these bytes are not a whole picture, or it is too large. */
    static Optional<Bgr> decode(byte[] encoded) {
        if (encoded.length == 0 || isTruncatedJpeg(encoded)) {
            return Optional.empty();
        }
        MatOfByte bytes = new MatOfByte(encoded);
        Mat picture = new Mat();
        try {
            picture = Imgcodecs.imdecode(bytes, Imgcodecs.IMREAD_COLOR | Imgcodecs.IMREAD_IGNORE_ORIENTATION);
            if (picture.empty() || !fitsArray(picture.cols(), picture.rows())) {
                return Optional.empty();
            }
            byte[] bgr = new byte[picture.rows() * picture.cols() * 3];
            picture.get(0, 0, bgr);
            return Optional.of(new Bgr(ByteBuffer.wrap(bgr), picture.cols(), picture.rows()));
        } catch (CvException e) {
            if (String.valueOf(e.getMessage()).contains("validateInputImageSize")) {
                return Optional.empty(); // OpenCV reads 2^20 pixels a side, 2^30 in all
            }
            throw e; // such as memory that is short here alone
        } finally {
            bytes.release();
            picture.release();
        }
    }

    /** Whether its bytes fit an array. */
    static boolean fitsArray(int width, int height) {
        return 3L * width * height <= Integer.MAX_VALUE - 8;
    }

    /** libjpeg fills what is missing with grey and only warns; a JPEG without its end marker is not a whole picture. */
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

    /** @param extension with its dot: {@code .png}, {@code .jpg} */
    static byte[] encode(FloatImage picture, String extension) {
        byte[] rgb = picture.toBytes();
        byte[] bgr = new byte[rgb.length];
        for (int i = 0; i < rgb.length; i += 3) {
            bgr[i] = rgb[i + 2];
            bgr[i + 1] = rgb[i + 1];
            bgr[i + 2] = rgb[i];
        }
        Mat mat = new Mat(picture.height, picture.width, CvType.CV_8UC3);
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

    static void write(FloatImage picture, Path file) throws IOException {
        Files.write(file, encode(picture, ".png"));
    }
}
