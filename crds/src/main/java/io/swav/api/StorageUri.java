package io.swav.api;

import java.net.URI;
import java.net.URISyntaxException;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystems;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The rules for places that a spec or a command line names. Validation and all readers use these, so what validation
 * accepts can be opened. Every method throws an {@link IllegalArgumentException} whose message quotes the place and
 * says what to write; the caller adds the name of the field or option.
 */
public final class StorageUri {
    private static final Pattern SCHEME = Pattern.compile("[A-Za-z][A-Za-z0-9+.-]*:.*", Pattern.DOTALL);
    private static final Pattern REMOTE = Pattern.compile("(s3|https?)://([^/]*)(?:/+(.*))?", Pattern.DOTALL);
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
            throw new IllegalArgumentException(uri + ": data is read from file:///folder or a plain path,"
                    + " s3://bucket/prefix, or https://host/shard.tar; mount anything else as a volume");
        }
        return path(uri);
    }

    /** Requires a place that data can be read from, or a pattern of files there. */
    public static void requireData(String uri) {
        if (remoteData(uri).isPresent()) {
            return;
        }
        Path path = dataPath(uri);
        if (BraceList.isPattern(path.toString())) {
            BraceList.expand(path.toString()).forEach(name -> requireLastPart(path(name)));
        } else {
            requireLastPart(path);
        }
    }

    private static void requireLastPart(Path path) {
        Path last = path.getFileName();
        if (last != null) {
            requirePattern(last.toString());
        }
    }

    /**
     * A place of data on another machine.
     *
     * @param scheme {@code s3}, {@code http} or {@code https}
     * @param authority the bucket, or host and port
     * @param path without a leading slash, its escapes resolved; patterns and braces as they were written
     */
    public record RemoteData(String scheme, String authority, String path) {}

    /** Returns the parts of a place of data on another machine; empty for a local one. */
    public static Optional<RemoteData> remoteData(String uri) {
        Matcher parts = REMOTE.matcher(uri);
        if (!parts.matches()) {
            return Optional.empty();
        }
        String scheme = parts.group(1);
        String authority = parts.group(2);
        String path;
        try {
            String raw = parts.group(3) == null ? "" : parts.group(3);
            path = URLDecoder.decode(raw.replace("+", "%2B"), StandardCharsets.UTF_8);
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException(shownData(uri) + " is not a valid URI: " + e.getMessage(), e);
        }
        if (scheme.equals("s3")) {
            if (!BUCKET.matcher(authority).matches()) {
                throw new IllegalArgumentException(
                        shownData(uri) + ": \"" + authority + "\" is not a bucket's name, give s3://bucket/prefix");
            }
            BraceList.expand(path).forEach(name -> requirePattern(name.substring(name.lastIndexOf('/') + 1)));
        } else {
            requireWebShards(uri, authority, path);
        }
        return Optional.of(new RemoteData(scheme, authority, path));
    }

    /** A web server has no listing, so the shards are named. */
    private static void requireWebShards(String uri, String authority, String path) {
        if (authority.isEmpty() || authority.contains("@")) {
            throw new IllegalArgumentException(shownData(uri) + ": give https://host/shard.tar, without credentials; an"
                    + " Authorization header comes from the environment variable " + TrainerEnv.DATA_AUTHORIZATION);
        }
        if (uri.contains("?") || uri.contains("#")) {
            throw new IllegalArgumentException(shownData(uri) + ": a query or fragment is not supported");
        }
        for (String name : BraceList.expand(path)) {
            if (name.contains("*") || !isShard(name)) {
                throw new IllegalArgumentException(
                        shownData(uri) + ": a web server does not list its files, so name the"
                                + " shards (.tar, .tar.gz, .tgz, .tar.zst or .parquet), as in https://host/s-{000..099}.tar");
            }
        }
    }

    /** Returns a URI without what may be a secret: user and password, query. */
    private static String shownData(String uri) {
        return uri.replaceFirst("//[^/]*@", "//…@").replaceFirst("\\?.*", "?…");
    }

    /** Returns whether a file's name is that of a shard: a tar file, perhaps compressed, or a Parquet file. */
    public static boolean isShard(String name) {
        return name.endsWith(".tar") || isCompressedShard(name);
    }

    /** Returns whether a file's name is that of a shard whose bytes are compressed: a tar file, or a Parquet file. */
    public static boolean isCompressedShard(String name) {
        return name.endsWith(".tar.gz") || name.endsWith(".tgz") || name.endsWith(".tar.zst") || isParquet(name);
    }

    /** Returns whether a file's name is that of a Parquet file. */
    public static boolean isParquet(String name) {
        return name.endsWith(".parquet");
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
