package io.swav.data;

import java.io.ByteArrayOutputStream;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.HexFormat;

/**
 * Converts names of files to text and back without loss, whatever the locale of this process is. Linux names are bytes.
 * A name that is UTF-8 is read as that, any other as Latin-1, whose characters are its bytes.
 *
 * <p>{@link Path#toString} replaces what the locale cannot show, so that such a file cannot be opened by its text;
 * a path's URI has every byte.
 */
final class FileNames {
    private static final HexFormat HEX = HexFormat.of().withUpperCase();
    private static final int ASCII = 0x80;

    private FileNames() {}

    /** Orders names by their bytes in UTF-8, as paths of Linux are ordered: unlike strings, by code points. */
    static final Comparator<String> BY_BYTES = (a, b) -> {
        int shorter = Math.min(a.length(), b.length());
        for (int i = 0; i < shorter; i++) {
            if (a.charAt(i) != b.charAt(i)) {
                return Integer.compare(rank(a.charAt(i)), rank(b.charAt(i)));
            }
        }
        return Integer.compare(a.length(), b.length());
    };

    /** Surrogates stand for characters above all others. */
    private static int rank(char c) {
        return Character.isSurrogate(c) ? c + 0x10000 : c;
    }

    static boolean isAscii(String text) {
        return text.chars().allMatch(c -> c < ASCII);
    }

    /** Decodes a name as UTF-8, or else as Latin-1. */
    static String decode(byte[] name) {
        try {
            return StandardCharsets.UTF_8
                    .newDecoder()
                    .decode(ByteBuffer.wrap(name))
                    .toString();
        } catch (CharacterCodingException e) {
            return new String(name, StandardCharsets.ISO_8859_1);
        }
    }

    /** Returns the last part of a path. */
    static String of(Path path) {
        Path last = path.getFileName();
        String text = last == null ? "" : last.toString();
        if (isAscii(text)) {
            return text;
        }
        String uri = path.toUri().getRawPath(); // ends in a slash if it is a folder
        int end = uri.endsWith("/") ? uri.length() - 1 : uri.length();
        return decode(unescape(uri.substring(uri.lastIndexOf('/', end - 1) + 1, end)));
    }

    private static byte[] unescape(String text) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        for (int at = 0; at < text.length(); at++) {
            if (text.charAt(at) == '%') {
                bytes.write(HexFormat.fromHexDigits(text, at + 1, at + 3));
                at += 2;
            } else {
                bytes.write(text.charAt(at));
            }
        }
        return bytes.toByteArray();
    }

    /** Returns the path of a name with slashes in a folder: the one in UTF-8 if it exists, or else the one in Latin-1. */
    static Path resolve(Path folder, String name) {
        if (isAscii(name)) {
            return folder.resolve(name);
        }
        Path path = folder;
        for (String part : name.split("/", -1)) {
            Path utf8 = child(path, part.getBytes(StandardCharsets.UTF_8));
            boolean latin1 =
                    !isAscii(part) && StandardCharsets.ISO_8859_1.newEncoder().canEncode(part) && Files.notExists(utf8);
            path = latin1 ? child(path, part.getBytes(StandardCharsets.ISO_8859_1)) : utf8;
        }
        return path;
    }

    private static Path child(Path folder, byte[] name) {
        String uri = folder.toUri().toString();
        StringBuilder escaped = new StringBuilder(uri);
        if (!uri.endsWith("/")) {
            escaped.append('/');
        }
        for (byte b : name) {
            escaped.append('%').append(HEX.toHexDigits(b));
        }
        return Path.of(URI.create(escaped.toString()));
    }
}
