package io.swav.api;

import java.net.URI;
import java.net.URISyntaxException;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystems;
import java.nio.file.Path;
import java.util.Locale;
import java.util.regex.Pattern;

/**
 * The rules for places that a spec or a command line names. Validation and all readers use these, so what validation
 * accepts can be opened. Every method throws an {@link IllegalArgumentException} whose message quotes the place and
 * says what to write; the caller adds the name of the field or option.
 */
public final class StorageUri {
    private static final Pattern SCHEME = Pattern.compile("[A-Za-z][A-Za-z0-9+.-]*:.*", Pattern.DOTALL);
    private static final Pattern BUCKET = Pattern.compile("[A-Za-z0-9][A-Za-z0-9._-]{0,254}");

    private StorageUri() {}

    /**
     * Returns the local path of data. Characters that a URI would escape, such as those of patterns, may stand
     * unescaped.
     *
     * @param uri {@code file:///folder}, or a plain path
     */
    public static Path dataPath(String uri) {
        if (uri.startsWith("file:")) {
            String rest = uri.substring("file:".length());
            if (rest.startsWith("//") && !rest.startsWith("///")) {
                throw new IllegalArgumentException(
                        uri + " names a machine: only local folders can be read, give file:///folder");
            }
            try {
                return Path.of(URLDecoder.decode(rest.replace("+", "%2B"), StandardCharsets.UTF_8));
            } catch (IllegalArgumentException e) {
                throw new IllegalArgumentException(
                        uri + " is not a valid path (" + e.getMessage() + "): give file:///folder", e);
            }
        }
        if (uri.contains("://")) {
            throw new IllegalArgumentException(
                    uri + ": only file:///folder and plain paths can be read; mount the data as a volume");
        }
        return path(uri);
    }

    /** Requires a place that data can be read from, or a pattern of files there. */
    public static void requireData(String uri) {
        Path last = dataPath(uri).getFileName();
        if (last != null) {
            requirePattern(last.toString());
        }
    }

    /** Requires the last part of a place of data to be a name, or a valid pattern with {@code *} and {@code ?}. */
    public static void requirePattern(String name) {
        try {
            FileSystems.getDefault().getPathMatcher("glob:" + name);
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException(
                    "\"" + name + "\" is not a valid pattern of files (" + reason(e) + ")", e);
        }
    }

    private static String reason(IllegalArgumentException e) {
        return String.valueOf(e.getMessage()).lines().findFirst().orElse("");
    }

    /** Requires a place where checkpoints can be stored, see {@link #storeFolder} and {@link #isBucket}. */
    public static void requireStore(String uri) {
        if (!isBucket(uri)) {
            storeFolder(uri);
        }
    }

    /** Returns whether this is {@code s3://bucket} or {@code s3://bucket/prefix}. */
    public static boolean isBucket(String uri) {
        if (!uri.startsWith("s3:")) {
            return false;
        }
        String bucket = parse(uri).getRawAuthority();
        if (bucket == null || !BUCKET.matcher(bucket).matches()) {
            throw notAStore(uri, bucket == null ? "it has no bucket" : "\"" + bucket + "\" is not a bucket's name");
        }
        return true;
    }

    /** Returns the folder of a store that is not a bucket: {@code file:///folder}, or a plain path. */
    public static Path storeFolder(String uri) {
        if (!SCHEME.matcher(uri).matches()) {
            return path(uri);
        }
        URI parsed = parse(uri);
        if (!"file".equals(parsed.getScheme()) || parsed.getRawAuthority() != null || parsed.getPath() == null) {
            throw new IllegalArgumentException(message(uri));
        }
        return path(parsed.getPath());
    }

    /** Parses a URI. A query or a fragment would be left out of the path, which then would be another one. */
    private static URI parse(String uri) {
        URI parsed;
        try {
            parsed = new URI(uri);
        } catch (URISyntaxException e) {
            throw notAStore(uri, e.getReason().toLowerCase(Locale.ROOT) + " at index " + e.getIndex());
        }
        if (parsed.getRawQuery() != null || parsed.getRawFragment() != null) {
            throw notAStore(uri, "write ? as %3F and # as %23");
        }
        return parsed;
    }

    private static IllegalArgumentException notAStore(String uri, String why) {
        return new IllegalArgumentException(message(uri) + ": " + why);
    }

    private static String message(String uri) {
        return "\"" + uri + "\" is neither file:///folder nor s3://bucket/prefix";
    }

    private static Path path(String plain) {
        try {
            return Path.of(plain);
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException("\"" + plain + "\" is not a valid path: " + e.getMessage(), e);
        }
    }

    /** Returns the URL of an S3 service. */
    public static URI endpoint(String url) {
        try {
            URI parsed = new URI(url);
            if (parsed.getHost() != null && String.valueOf(parsed.getScheme()).matches("https?")) {
                return parsed;
            }
        } catch (URISyntaxException e) {
            // reported below
        }
        throw new IllegalArgumentException("\"" + url + "\" is no URL of an S3 service, such as http://minio:9000");
    }
}
