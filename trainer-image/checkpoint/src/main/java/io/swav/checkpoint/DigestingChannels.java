package io.swav.checkpoint;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ReadableByteChannel;
import java.nio.channels.WritableByteChannel;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/** Channels that compute the SHA-256 and the length of the bytes that pass through them. */
final class DigestingChannels {
    private final MessageDigest digest;
    private long bytes;

    DigestingChannels() {
        try {
            digest = MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every JDK has SHA-256", e);
        }
    }

    /** Returns the entry for all bytes that passed; may be called once. */
    Manifest.ManifestEntry entry() {
        return new Manifest.ManifestEntry(bytes, HexFormat.of().formatHex(digest.digest()));
    }

    private void pass(ByteBuffer buffer, int from) {
        ByteBuffer passed = buffer.duplicate().flip().position(from);
        bytes += passed.remaining();
        digest.update(passed);
    }

    WritableByteChannel over(WritableByteChannel to) {
        return new WritableByteChannel() {
            @Override
            public int write(ByteBuffer buffer) throws IOException {
                int from = buffer.position();
                int written = to.write(buffer);
                pass(buffer, from);
                return written;
            }

            @Override
            public boolean isOpen() {
                return to.isOpen();
            }

            @Override
            public void close() throws IOException {
                to.close();
            }
        };
    }

    ReadableByteChannel over(ReadableByteChannel of) {
        return new ReadableByteChannel() {
            @Override
            public int read(ByteBuffer buffer) throws IOException {
                int from = buffer.position();
                int read = of.read(buffer);
                pass(buffer, from);
                return read;
            }

            @Override
            public boolean isOpen() {
                return of.isOpen();
            }

            @Override
            public void close() throws IOException {
                of.close();
            }
        };
    }
}
