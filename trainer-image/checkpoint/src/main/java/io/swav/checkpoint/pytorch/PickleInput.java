package io.swav.checkpoint.pytorch;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;

/** The bytes of a pickle, of which no more are taken into memory than the file has. */
final class PickleInput {
    /** More bytes than the description of any weights has: ResNet-50 with its optimizer has 130 kB. */
    static final long MAX_BYTES = 64L << 20;

    /** More characters than a number or a name on a line of its own has. */
    private static final int MAX_LINE = 1000;

    private final InputStream in;
    private long position;

    /** @param in buffered */
    PickleInput(InputStream in) {
        this.in = in;
    }

    /** Returns the bytes read so far. */
    long position() {
        return position;
    }

    int next() throws IOException {
        int value = in.read();
        if (value < 0) {
            throw truncated();
        }
        count(1);
        return value;
    }

    /** Reads an unsigned number, little endian; eight bytes are a signed one. */
    long number(int bytes) throws IOException {
        long number = 0;
        for (int i = 0; i < bytes; i++) {
            number |= (long) next() << (8 * i);
        }
        return number;
    }

    /** Reads bytes. What a file claims to have is taken piece by piece, so that a lie costs no memory. */
    byte[] bytes(long length) throws IOException {
        check(length);
        byte[] bytes = in.readNBytes((int) length);
        count(bytes.length);
        if (bytes.length < length) {
            throw truncated();
        }
        return bytes;
    }

    void skip(long length) throws IOException {
        check(length);
        for (long left = length; left > 0; ) {
            long skipped = in.skip(left);
            if (skipped <= 0) {
                next();
                skipped = 1;
            } else {
                count(skipped);
            }
            left -= skipped;
        }
    }

    String text(long length) throws IOException {
        return new String(bytes(length), StandardCharsets.UTF_8);
    }

    String line() throws IOException {
        ByteArrayOutputStream line = new ByteArrayOutputStream();
        for (int value = next(); value != '\n'; value = next()) {
            if (line.size() == MAX_LINE) {
                throw new PyTorchFileException("a line of its pickle has more than " + MAX_LINE + " bytes");
            }
            line.write(value);
        }
        return line.toString(StandardCharsets.UTF_8);
    }

    private void count(long bytes) throws PyTorchFileException {
        position += bytes;
        check(0);
    }

    private void check(long length) throws PyTorchFileException {
        if (length < 0 || length > MAX_BYTES - position) {
            throw new PyTorchFileException(
                    "its pickle has more than " + MAX_BYTES + " bytes, which no description of weights has");
        }
    }

    private static PyTorchFileException truncated() {
        return new PyTorchFileException("it ends in the middle of its pickle: it is truncated");
    }
}
